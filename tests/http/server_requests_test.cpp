#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

#include "tests/http/server_fixture.h"

namespace fedlog::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ServerRequestTest : public testing::ServerTest {};

TEST_F(ServerRequestTest, RefusesWhatIsNoRequestAndCloses) {
  start({.header_bytes_max = 1000});
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"\x16\x03\x01\x02", "400"},
      {"GET / HTTP/1.1\nHost: h\n\n", "400"},
      {"GET / HTTP/1.1\r\n\r\n", "400"},
      {"GET / HTTP/3.0\r\nHost: h\r\n\r\n", "505"},
      {"GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n", "400"},
      {get("/", "X: a\x01\r\n"), "400"},
      {get("/", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"), "400"},
      {get("/", "Transfer-Encoding: gzip\r\n"), "501"},
      {get("/", "X: " + std::string(1000, 'x') + "\r\n"), "431"},
  };
  for (const auto& [bytes, status] : cases) {
    auto client = connect();
    client.send(bytes);
    const auto answer = client.receive_all();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 " + status + " ")) << bytes;
    EXPECT_THAT(body_of(answer), StartsWith("{\"detail\":")) << bytes;
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n")) << bytes;
  }
  EXPECT_EQ(logged(cases.size() - 1).method, "");
}

TEST_F(ServerRequestTest, PassesEveryMethodToTheHandler) {
  start();
  auto client = connect();
  for (const std::string method : {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"}) {
    const auto answer = client.call(method + " /m HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy");
    EXPECT_THAT(body_of(answer), HasSubstr("\"method\":\"" + method + "\""));
  }
}

TEST_F(ServerRequestTest, LeavesTheBodyOutForHead) {
  start();
  auto client = connect();
  client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" + get("/next"));
  const auto answer = client.receive(true);
  EXPECT_THAT(answer, HasSubstr("Content-Length: "));
  EXPECT_THAT(answer, Not(HasSubstr("Accept-Ranges")));
  EXPECT_THAT(client.receive(), HasSubstr("\"path\":\"/next\""));
}

TEST_F(ServerRequestTest, KeepsRangesAndCompressionToItself) {
  start();
  auto client = connect();
  const auto answer = client.call(get("/", "Range: bytes=0-3\r\nAccept-Encoding: gzip, br\r\n"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Content-Encoding")));
  EXPECT_THAT(body_of(answer), ::testing::EndsWith("}"));
}

TEST_F(ServerRequestTest, SpeaksHttp10) {
  start();
  auto client = connect();
  client.send("GET / HTTP/1.0\r\n\r\n");
  const auto answer = client.receive_all();
  EXPECT_THAT(answer, HasSubstr("Content-Length: "));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("chunked")));
  auto keeping = connect();
  for (int request = 0; request < 3; ++request) {
    EXPECT_THAT(keeping.call("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
                HasSubstr("Connection: keep-alive\r\n"));
  }
}

TEST_F(ServerRequestTest, ReadsChunkedBodies) {
  start();
  auto client = connect();
  const auto answer = client.call(
      "PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\n4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\n\r\n" +
      get("/next"));
  EXPECT_EQ(body_of(answer), "Wikipedia");
  EXPECT_THAT(client.receive(), HasSubstr("\"path\":\"/next\""));
}

TEST_F(ServerRequestTest, EndsTheConnectionAfterABrokenBody) {
  start();
  auto client = connect();
  client.send("PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + get("/smuggled"));
  const auto answer = client.receive_all();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("smuggled")));
}

TEST_F(ServerRequestTest, AsksForABodyThatTheClientHoldsBack) {
  start();
  auto client = connect();
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.receive(), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_EQ(body_of(client.call("body")), "body");
  // A handler that does not want the body answers at once; then nobody knows whether the body follows.
  const auto refused =
      client.call("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(refused, HasSubstr("Connection: close\r\n"));
}

TEST_F(ServerRequestTest, RefusesABodyOverTheLimitInAWayThatTheClientCanRead) {
  start({.body_bytes_max = 1'000'000});
  auto client = connect();
  client.send(post(std::string(8'000'000, 'x')));
  const auto answer = client.receive_all();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 Payload Too Large\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  auto exact = connect();
  EXPECT_EQ(body_of(exact.call(post(std::string(1'000'000, 'x')))).size(), 1'000'000U);
}

TEST_F(ServerRequestTest, GivesUpOnABodyThatDoesNotCome) {
  start({.body_timeout_ms = 20});
  auto client = connect();
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo");
  EXPECT_THAT(client.receive_all(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
}

TEST_F(ServerRequestTest, KeepsAConnectionWhoseSmallBodyNobodyRead) {
  start();
  auto client = connect();
  EXPECT_THAT(client.call(post("unread", "", "/a")), HasSubstr("Connection: keep-alive\r\n"));
  EXPECT_THAT(client.call(get("/b")), HasSubstr("\"path\":\"/b\""));
}

TEST_F(ServerRequestTest, TurnsExceptionsIntoABareErrorWithTheRequestsId) {
  start();
  auto client = connect();
  for (const std::string path : {"/throw", "/throw-oddly", "/inject", "/missing-file", "/short-file"}) {
    const auto answer = client.call(get(path, "X-Request-ID: trace-me\r\n"));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 500 Internal Server Error\r\n")) << path;
    EXPECT_THAT(answer, HasSubstr("X-Request-ID: trace-me\r\n")) << path;
    EXPECT_EQ(body_of(answer), "{\"error\":\"Server Error (500)\"}") << path;
  }
  const std::scoped_lock lock{mutex_};
  EXPECT_EQ(exceptions_.size(), 5U);
  EXPECT_EQ(exceptions_[0], "planted");
}

TEST_F(ServerRequestTest, SendsAPieceOfAFile) {
  file_ = std::filesystem::temp_directory_path() / ("fedlog-server-test-" + std::to_string(::getpid()));
  std::ofstream{file_} << "x" << std::string(3'000'000, 'y');
  start();
  auto client = connect();
  const auto answer = client.call(get("/file"));
  std::filesystem::remove(file_);
  EXPECT_THAT(answer.substr(0, 300), HasSubstr("Content-Length: 3000000\r\n"));
  EXPECT_TRUE(body_of(answer) == std::string(3'000'000, 'y'));
}

TEST_F(ServerRequestTest, SendsNoLengthWithNoContent) {
  start();
  auto client = connect();
  const auto answer = client.call(get("/nothing"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(client.call(get()), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerRequestTest, WritesOneAccessRecordARequest) {
  start();
  auto client = connect();
  const auto request = post("body");
  const auto answer = client.call(request);
  const auto first = logged(0);
  EXPECT_EQ(first.method, "POST");
  EXPECT_EQ(first.path, "/echo");
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(first.bytes_in, request.size());
  EXPECT_EQ(first.bytes_out, answer.size());
  EXPECT_THAT(answer, HasSubstr("X-Request-ID: " + first.request_id + "\r\n"));
  static_cast<void>(client.call(get()));
  EXPECT_EQ(logged(1).bytes_in, get().size());
}

}  // namespace
}  // namespace fedlog::http
