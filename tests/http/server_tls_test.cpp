#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "tests/http/server_fixture.h"
#include "tests/http/tls_files.h"

namespace fedlog::http {
namespace {

using testing::Client;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// Speaks TLS over a client's socket.
class TlsClient {
 public:
  explicit TlsClient(int port, int receive_buffer_bytes = 0, int version = TLS1_3_VERSION)
      : client_(port, receive_buffer_bytes),
        context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free),
        ssl_(nullptr, SSL_free) {
    SSL_CTX_set_max_proto_version(context_.get(), version);
    SSL_CTX_set_options(context_.get(), SSL_OP_IGNORE_UNEXPECTED_EOF);
    ssl_.reset(SSL_new(context_.get()));
    SSL_set_fd(ssl_.get(), client_.fd());
    connected_ = SSL_connect(ssl_.get()) == 1;
  }

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] std::string subject() const {
    const std::unique_ptr<X509, decltype(&X509_free)> certificate{SSL_get1_peer_certificate(ssl_.get()),
                                                                  X509_free};
    std::array<char, 100> name{};
    X509_NAME_get_text_by_NID(X509_get_subject_name(certificate.get()), NID_commonName, name.data(),
                              name.size());
    return name.data();
  }
  void send(const std::string& bytes) { SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())); }
  // `size` bytes, or what comes before the end.
  [[nodiscard]] std::string receive_bytes(std::size_t size) {
    std::string bytes;
    std::array<char, 16 * 1024> buffer;
    while (bytes.size() < size) {
      const auto wanted = std::min(buffer.size(), size - bytes.size());
      const int count = SSL_read(ssl_.get(), buffer.data(), static_cast<int>(wanted));
      if (count <= 0) break;
      bytes.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return bytes;
  }
  [[nodiscard]] std::string receive() {
    std::string answer;
    while (!answer.ends_with("\r\n\r\n")) {
      const auto byte = receive_bytes(1);
      if (byte.empty()) return answer;
      answer += byte;
    }
    const auto label = answer.find("Content-Length: ");
    return label == std::string::npos
               ? answer
               : answer + receive_bytes(std::strtoull(answer.c_str() + label + 16, nullptr, 10));
  }
  [[nodiscard]] std::string call(const std::string& bytes) {
    send(bytes);
    return receive();
  }
  [[nodiscard]] bool was_told_of_the_end() {
    static_cast<void>(receive_bytes(SIZE_MAX));
    return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
  }

 private:
  Client client_;
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
  bool connected_ = false;
};

class Files : public testing::TlsFilesTest {
 public:
  using TlsFilesTest::folder_;
  using TlsFilesTest::make;
  void TestBody() override {}
};

class ServerTlsTest : public testing::ServerTest {
 protected:
  void start_tls(ServerOptions options = {}) {
    options.tls = files_.make("first");
    start(options);
  }
  [[nodiscard]] TlsClient connect_tls() const { return TlsClient{server_->port()}; }

  Files files_;
};

TEST_F(ServerTlsTest, AnswersManyRequestsOnOneConnection) {
  start_tls();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient client{server_->port(), 0, version};
    ASSERT_TRUE(client.connected());
    EXPECT_EQ(client.subject(), "first");
    for (int request = 0; request < 20; ++request) {
      EXPECT_THAT(client.call(get("/" + std::to_string(request))), HasSubstr("\"scheme\":\"https\""));
    }
  }
}

TEST_F(ServerTlsTest, AnswersRequestsThatCameInOneRecord) {
  start_tls();
  auto client = connect_tls();
  client.send(post("first body") + get("/second") + post(std::string(2'000, 'b')) + get("/fourth"));
  EXPECT_THAT(client.receive(), HasSubstr("first body"));
  EXPECT_THAT(client.receive(), HasSubstr("\"path\":\"/second\""));
  EXPECT_THAT(client.receive(), HasSubstr(std::string(2'000, 'b')));
  EXPECT_THAT(client.receive(), HasSubstr("\"path\":\"/fourth\""));
}

TEST_F(ServerTlsTest, CarriesLargeBodiesBothWays) {
  file_ = files_.folder_ / "large";
  std::ofstream{file_} << std::string(20'000'000, 'f');
  start_tls();
  auto client = connect_tls();
  const std::string body(5'000'000, 'b');
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5000000\r\n\r\n");
  client.send(body);
  EXPECT_TRUE(client.receive().ends_with(body));
  EXPECT_TRUE(client.call(get("/whole-file")).ends_with(std::string(20'000'000, 'f')));
  EXPECT_THAT(client.call(get("/next")), HasSubstr("\"path\":\"/next\""));
}

TEST_F(ServerTlsTest, SaysGoodbye) {
  start_tls();
  auto client = connect_tls();
  EXPECT_THAT(client.call(get("/", "Connection: close\r\n")), StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(client.was_told_of_the_end());
}

TEST_F(ServerTlsTest, CutsHandshakesThatAreNotFinishedWhichHoldNoThread) {
  start_tls({.threads_max = 2, .header_timeout_ms = 300});
  std::vector<Client> stalled;
  for (int index = 0; index < 200; ++index) {
    stalled.push_back(connect());
    // The beginning of a ClientHello.
    if (index % 2 == 0) stalled.back().send(std::string{"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11});
  }
  auto client = connect_tls();
  EXPECT_THAT(client.call(get()), StartsWith("HTTP/1.1 200"));
  for (auto& other : stalled) EXPECT_EQ(other.receive_all(), "");
}

TEST_F(ServerTlsTest, TellsThoseWhomItHasNoPlaceForIfTheyShakeHands) {
  start_tls({.connections_max = 1, .linger_pause_ms = 300});
  auto first = connect_tls();
  EXPECT_THAT(first.call(get()), StartsWith("HTTP/1.1 200"));
  auto second = connect_tls();
  const auto refusal = second.receive();
  EXPECT_THAT(refusal, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(refusal, HasSubstr("Retry-After: "));
  EXPECT_EQ(connect().receive_all(), "");
  EXPECT_THAT(first.call(get()), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTlsTest, ClosesWhatIsNoTls) {
  start_tls();
  auto client = connect();
  client.send(get());
  EXPECT_THAT(client.receive_all(), Not(HasSubstr("200 OK")));
  client.close();
  TlsClient old{server_->port(), 0, TLS1_1_VERSION};
  EXPECT_FALSE(old.connected());
  EXPECT_TRUE(connect_tls().connected());
}

TEST_F(ServerTlsTest, ShowsANewCertificateToNewConnections) {
  start_tls();
  auto old = connect_tls();
  EXPECT_THAT(old.call(get()), StartsWith("HTTP/1.1 200"));
  const auto second = files_.make("second");
  std::filesystem::rename(second.certificate, files_.folder_ / "first.crt");
  // The new certificate is there, its key is not: the old pair stays.
  const auto reloaded = server_->reload_certificate();
  ASSERT_FALSE(reloaded.has_value());
  EXPECT_THAT(reloaded.error(), StartsWith("tls.key: "));
  EXPECT_EQ(connect_tls().subject(), "first");
  std::filesystem::rename(second.key, files_.folder_ / "first.key");
  ASSERT_TRUE(server_->reload_certificate().has_value());
  EXPECT_EQ(connect_tls().subject(), "second");
  EXPECT_THAT(old.call(get()), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTlsTest, DoesNotStartWithoutItsCertificate) {
  EXPECT_THROW(start({.tls = TlsFiles{"/not/there.crt", "/not/there.key"}}), std::runtime_error);
}

}  // namespace
}  // namespace fedlog::http
