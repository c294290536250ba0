#include "http/framed_body.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <vector>

namespace fedlog::http {
namespace {

// A connection whose client has sent `input` and, unless it `stays`, gone.
class Wire {
 public:
  explicit Wire(const std::string& input, bool stays = false) {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()) != 0)
      throw std::runtime_error("socketpair");
    client_ = FileDescriptor{ends[0]};
    connection = std::make_unique<Connection>(plain_transport(FileDescriptor{ends[1]}), "client");
    EXPECT_EQ(::send(ends[0], input.data(), input.size(), 0), static_cast<ssize_t>(input.size()));
    if (!stays) ::shutdown(ends[0], SHUT_WR);
  }
  [[nodiscard]] std::string seen_by_client() const {
    std::array<char, 1000> buffer{};
    const auto count = ::recv(client_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
  }
  std::unique_ptr<Connection> connection;

 private:
  FileDescriptor client_;
};

constexpr BodyFraming chunked{.chunked = true, .length_bytes = 0, .expects_continue = false};

BodyFraming length(std::uint64_t bytes, bool expects_continue = false) {
  return {.chunked = false, .length_bytes = bytes, .expects_continue = expects_continue};
}

std::expected<std::string, BodyError> read(const std::string& input, const BodyFraming& framing,
                                           std::uint64_t limit_bytes = 1'000'000) {
  Wire wire{input};
  FramedBody body{*wire.connection, framing, limit_bytes, {}};
  return body.read_all(UINT64_MAX);
}

TEST(FramedBody, ReadsExactlyTheDeclaredLength) {
  Wire wire{"bodyGET /next"};
  FramedBody body{*wire.connection, length(4), 100, {}};
  EXPECT_EQ(body.declared_size_bytes(), 4U);
  EXPECT_EQ(body.read_all(100), "body");
  EXPECT_TRUE(body.is_complete());
  std::array<char, 100> rest{};
  EXPECT_EQ(wire.connection->read(rest, {}), 9U);
}

TEST(FramedBody, ReadsChunksWithExtensionsAndTrailers) {
  EXPECT_EQ(read("4;a=b\r\nWiki\r\n00A\r\npedia 1234\r\n0\r\nX: y\r\n\r\n", chunked), "Wikipedia 1234");
  EXPECT_EQ(read("0\r\n\r\n", chunked), "");
}

TEST(FramedBody, RefusesChunksThatAnotherReaderCouldDelimitDifferently) {
  const std::vector<std::string> bodies = {"-1\r\n",
                                           "0x4\r\nWiki\r\n0\r\n\r\n",
                                           " 4\r\nWiki\r\n0\r\n\r\n",
                                           "+4\r\nWiki\r\n0\r\n\r\n",
                                           "4 \r\nWiki\r\n0\r\n\r\n",
                                           "\r\n",
                                           "zz\r\n",
                                           "4\nWiki\r\n0\r\n\r\n",
                                           "4\r\nWikipedia\r\n0\r\n\r\n",
                                           "11112222333344445\r\n",
                                           "4;a\rb\r\nWiki\r\n0\r\n\r\n",
                                           std::string(2000, '0'),
                                           std::string(2000, '0') + "\r\n"};
  for (const auto& body : bodies) EXPECT_EQ(read(body, chunked).error(), BodyError::malformed) << body;
  std::string trailers = "0\r\n";
  for (int index = 0; index < 100; ++index) trailers += "A: b\r\n";
  EXPECT_EQ(read(trailers + "\r\n", chunked).error(), BodyError::malformed);
}

TEST(FramedBody, NoticesThatTheClientIsGone) {
  EXPECT_EQ(read("bod", length(4)).error(), BodyError::disconnected);
  EXPECT_EQ(read("4\r\nWi", chunked).error(), BodyError::disconnected);
  EXPECT_EQ(read("4\r\nWiki\r\n", chunked).error(), BodyError::disconnected);
}

TEST(FramedBody, GivesUpOnAClientThatSendsTooSlowly) {
  Wire wire{"bod", true};
  FramedBody body{*wire.connection, length(4), 100, {.timeout_ms = 1}};
  EXPECT_EQ(body.read_all(100).error(), BodyError::timed_out);
  EXPECT_FALSE(body.is_worth_draining());
}

TEST(FramedBody, HoldsItsLimit) {
  EXPECT_EQ(read("body", length(4), 4), "body");
  EXPECT_EQ(read("body", length(4), 3).error(), BodyError::too_large);
  EXPECT_EQ(read("4\r\nWiki\r\n0\r\n\r\n", chunked, 4), "Wiki");
  EXPECT_EQ(read("4\r\nWiki\r\n0\r\n\r\n", chunked, 3).error(), BodyError::too_large);
}

TEST(FramedBody, LetsAHandlerLowerTheLimitButNotRaiseIt) {
  Wire wire{"body"};
  FramedBody body{*wire.connection, length(4), 3, {}};
  body.set_limit(100);
  EXPECT_EQ(body.read_all(100).error(), BodyError::too_large);
}

TEST(FramedBody, AsksAWaitingClientToContinueOnlyWhenTheBodyIsWanted) {
  Wire wire{"body"};
  FramedBody body{*wire.connection, length(4, true), 100, {}};
  EXPECT_FALSE(body.is_worth_draining());
  EXPECT_EQ(wire.seen_by_client(), "");
  EXPECT_EQ(body.read_all(100), "body");
  EXPECT_EQ(wire.seen_by_client(), "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST(FramedBody, DrainsWhatIsSmallAndNothingElse) {
  Wire wire{"bodyGET"};
  FramedBody body{*wire.connection, length(4), 2, {}};
  ASSERT_TRUE(body.is_worth_draining());
  EXPECT_TRUE(body.drain());
  EXPECT_TRUE(body.is_complete());
  EXPECT_FALSE((FramedBody{*wire.connection, length(1 << 20), 2, {}}).is_worth_draining());
  EXPECT_FALSE((FramedBody{*wire.connection, chunked, 2, {}}).is_worth_draining());
}

}  // namespace
}  // namespace fedlog::http
