#include "http/server.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <latch>
#include <mutex>
#include <thread>
#include <vector>

#include "http/errors.h"
#include "http/file_descriptor.h"

namespace fedlog::http {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A client that speaks raw bytes and reads blocking.
class Client {
 public:
  explicit Client(int port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    const int on = 1;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // So that a test that fails does not hang.
    const timeval patience{20, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }

  [[nodiscard]] bool connected() const { return connected_; }
  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  // One answer: its head, and as many bytes as its Content-Length says unless it answers HEAD.
  [[nodiscard]] std::string receive(bool head_only = false) {
    while (input_.find("\r\n\r\n") == std::string::npos && receive_some()) {
    }
    const auto head_end = input_.find("\r\n\r\n");
    if (head_end == std::string::npos) return std::exchange(input_, {});
    const auto label = input_.find("Content-Length: ");
    std::size_t size = head_end + 4;
    if (!head_only && label < head_end) size += std::strtoull(input_.c_str() + label + 16, nullptr, 10);
    while (input_.size() < size && receive_some()) {
    }
    auto answer = input_.substr(0, size);
    input_.erase(0, size);
    return answer;
  }
  [[nodiscard]] std::string call(std::string_view bytes) {
    send(bytes);
    return receive();
  }
  // Everything until the server closes.
  [[nodiscard]] std::string receive_all() {
    while (receive_some()) {
    }
    return std::exchange(input_, {});
  }
  void close() { socket_.reset(); }
  void finish_sending() const { ::shutdown(socket_.get(), SHUT_WR); }

 private:
  bool receive_some() {
    std::array<char, 64 * 1024> buffer;
    const auto count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count > 0) input_.append(buffer.data(), static_cast<std::size_t>(count));
    return count > 0;
  }

  FileDescriptor socket_;
  bool connected_ = false;
  std::string input_;
};

// Access records, kept by value.
struct Logged {
  std::string method;
  std::string path;
  int status;
  std::uint64_t bytes_in;
  std::uint64_t bytes_out;
  std::string request_id;
};

class ServerTest : public ::testing::Test {
 protected:
  static std::string get(const std::string& path = "/", const std::string& fields = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
  }
  static std::string post(const std::string& body, const std::string& fields = "",
                          const std::string& path = "/echo") {
    return "POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n" + fields + "\r\n" + body;
  }
  static std::string body_of(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

  void start(ServerOptions options = {}) {
    options.port = 0;
    server_ = std::make_unique<Server>(
        options, ServerCallbacks{.handle = [this](const Request& request, BodyReader& body,
                                                  Response& response) { handle(request, body, response); },
                                 .on_access =
                                     [this](const AccessRecord& record) {
                                       const std::scoped_lock lock{mutex_};
                                       log_.push_back({std::string{record.method}, std::string{record.path},
                                                       record.status, record.bytes_in, record.bytes_out,
                                                       std::string{record.request_id}});
                                       changed_.notify_all();
                                     },
                                 .on_exception =
                                     [this](const Request&, std::string_view what) {
                                       const std::scoped_lock lock{mutex_};
                                       exceptions_.emplace_back(what);
                                     }});
  }
  [[nodiscard]] Client connect() const { return Client{server_->port()}; }

  // The n-th access record, waited for.
  Logged logged(std::size_t index) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return log_.size() > index; });
    return log_[index];
  }

  void handle(const Request& request, BodyReader& body, Response& response) {
    if (request.path == "/echo") {
      const auto content = body.read_all(UINT64_MAX);
      response = content ? Response{} : body_error_response(content.error());
      if (content) response.body = *content;
    } else if (request.path == "/throw") {
      throw std::runtime_error("planted");
    } else if (request.path == "/throw-oddly") {
      throw 42;
    } else if (request.path == "/inject") {
      response.headers.add("X-Bad", "a\r\nSet-Cookie: b");
    } else if (request.path == "/file") {
      response.body = FileBody{file_, 1, 3'000'000};
    } else if (request.path == "/missing-file") {
      response.body = FileBody{file_ / "not there", 0, 1};
    } else if (request.path == "/short-file") {
      response.body = FileBody{file_, 1, 3'000'001};
    } else if (request.path == "/nothing") {
      response = no_content();
    } else if (request.path == "/wait") {
      entered_.count_down();
      release_.wait();
    } else {
      response = json_response(200, {{"method", request.method}, {"path", request.path}, {"id", request.id}});
    }
  }

  std::filesystem::path file_;
  std::latch entered_{1};
  std::latch release_{1};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Logged> log_;
  std::vector<std::string> exceptions_;
  std::unique_ptr<Server> server_;
};

TEST_F(ServerTest, AnswersManyRequestsOnOneConnection) {
  start();
  auto client = connect();
  for (int request = 0; request < 20; ++request) {
    const auto path = "/" + std::to_string(request);
    const auto answer = client.call(get(path, "X-Request-ID: r" + path.substr(1) + "\r\n"));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Connection: keep-alive\r\n"));
    EXPECT_THAT(answer, HasSubstr("X-Request-ID: r" + path.substr(1) + "\r\n"));
    EXPECT_THAT(body_of(answer), HasSubstr("\"path\":\"" + path + "\""));
  }
  EXPECT_EQ(server_->statistics().connections, 1U);
}

TEST_F(ServerTest, AnswersAThousandConnectionsInSequence) {
  start();
  for (int index = 0; index < 1000; ++index) {
    auto client = connect();
    ASSERT_THAT(client.call(get("/", "Connection: close\r\n")), StartsWith("HTTP/1.1 200 OK\r\n"));
  }
  EXPECT_EQ(server_->statistics().requests, 1000U);
  EXPECT_EQ(server_->statistics().refused_connections, 0U);
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  auto client = connect();
  std::string requests;
  for (int index = 0; index < 50; ++index)
    requests += get("/" + std::to_string(index)) + post("b" + std::to_string(index));
  client.send(requests);
  for (int index = 0; index < 50; ++index) {
    EXPECT_THAT(client.receive(), HasSubstr("\"path\":\"/" + std::to_string(index) + "\""));
    EXPECT_EQ(body_of(client.receive()), "b" + std::to_string(index));
  }
}

TEST_F(ServerTest, ReadsAHeadThatComesByteByByte) {
  start();
  auto client = connect();
  for (const char byte : get("/slow")) client.send({&byte, 1});
  EXPECT_THAT(client.receive(), HasSubstr("\"path\":\"/slow\""));
}

TEST_F(ServerTest, HoldsSlowHeadsWithoutThreadsAndEndsThemAfterTheirTime) {
  start({.threads_max = 2, .header_timeout_ms = 300});
  std::vector<Client> slow;
  for (int index = 0; index < 500; ++index) {
    slow.push_back(connect());
    slow.back().send("GET / HTTP/1.1\r\nHost: h\r\nX: ");
  }
  auto client = connect();
  EXPECT_THAT(client.call(get()), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(server_->statistics().threads, 1U);
  for (auto& other : slow) EXPECT_THAT(other.receive_all(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
}

TEST_F(ServerTest, ClosesIdleConnectionsSilently) {
  start({.keep_alive_idle_ms = 20});
  auto fresh = connect();
  EXPECT_EQ(fresh.receive_all(), "");
  auto used = connect();
  EXPECT_THAT(used.call(get()), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(used.receive_all(), "");
}

TEST_F(ServerTest, RefusesConnectionsOverItsLimitAndServesTheOthers) {
  start({.connections_max = 2});
  auto first = connect();
  auto second = connect();
  EXPECT_THAT(first.call(get()), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(second.call(get()), StartsWith("HTTP/1.1 200"));
  auto third = connect();
  const auto refused = third.receive_all();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(refused, HasSubstr("Retry-After: "));
  EXPECT_THAT(body_of(refused), StartsWith("{\"detail\":"));
  EXPECT_THAT(first.call(get()), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(server_->statistics().refused_connections, 1U);
  first.close();
  second.close();
  // The server learns of the closing in its own time; a connection is accepted once it did.
  std::string answer;
  while (!answer.starts_with("HTTP/1.1 200")) {
    auto next = connect();
    answer = next.call(get());
    ASSERT_THAT(answer, Not(::testing::IsEmpty()));
  }
}

TEST_F(ServerTest, RefusesWhatIsNoRequestAndCloses) {
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

TEST_F(ServerTest, PassesEveryMethodToTheHandler) {
  start();
  auto client = connect();
  for (const std::string method : {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"}) {
    const auto answer = client.call(method + " /m HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy");
    EXPECT_THAT(body_of(answer), HasSubstr("\"method\":\"" + method + "\""));
  }
}

TEST_F(ServerTest, LeavesTheBodyOutForHead) {
  start();
  auto client = connect();
  client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" + get("/next"));
  const auto answer = client.receive(true);
  EXPECT_THAT(answer, HasSubstr("Content-Length: "));
  EXPECT_THAT(answer, Not(HasSubstr("Accept-Ranges")));
  EXPECT_THAT(client.receive(), HasSubstr("\"path\":\"/next\""));
}

TEST_F(ServerTest, KeepsRangesAndCompressionToItself) {
  start();
  auto client = connect();
  const auto answer = client.call(get("/", "Range: bytes=0-3\r\nAccept-Encoding: gzip, br\r\n"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Content-Encoding")));
  EXPECT_THAT(body_of(answer), ::testing::EndsWith("}"));
}

TEST_F(ServerTest, SpeaksHttp10) {
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

TEST_F(ServerTest, AnswersAClientThatHasFinishedSending) {
  start();
  auto client = connect();
  client.send(get("/half"));
  client.finish_sending();
  EXPECT_THAT(client.receive_all(), HasSubstr("\"path\":\"/half\""));
}

TEST_F(ServerTest, ReadsChunkedBodies) {
  start();
  auto client = connect();
  const auto answer = client.call(
      "PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\n4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\n\r\n" +
      get("/next"));
  EXPECT_EQ(body_of(answer), "Wikipedia");
  EXPECT_THAT(client.receive(), HasSubstr("\"path\":\"/next\""));
}

TEST_F(ServerTest, EndsTheConnectionAfterABrokenBody) {
  start();
  auto client = connect();
  client.send("PUT /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" + get("/smuggled"));
  const auto answer = client.receive_all();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("smuggled")));
}

TEST_F(ServerTest, AsksForABodyThatTheClientHoldsBack) {
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

TEST_F(ServerTest, RefusesABodyOverTheLimitInAWayThatTheClientCanRead) {
  start({.body_bytes_max = 1'000'000});
  auto client = connect();
  client.send(post(std::string(8'000'000, 'x')));
  const auto answer = client.receive_all();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 Payload Too Large\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  auto exact = connect();
  EXPECT_EQ(body_of(exact.call(post(std::string(1'000'000, 'x')))).size(), 1'000'000U);
}

TEST_F(ServerTest, GivesUpOnABodyThatDoesNotCome) {
  start({.body_timeout_ms = 20});
  auto client = connect();
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbo");
  EXPECT_THAT(client.receive_all(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
}

TEST_F(ServerTest, KeepsAConnectionWhoseSmallBodyNobodyRead) {
  start();
  auto client = connect();
  EXPECT_THAT(client.call(post("unread", "", "/a")), HasSubstr("Connection: keep-alive\r\n"));
  EXPECT_THAT(client.call(get("/b")), HasSubstr("\"path\":\"/b\""));
}

TEST_F(ServerTest, TurnsExceptionsIntoABareErrorWithTheRequestsId) {
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

TEST_F(ServerTest, SendsAPieceOfAFile) {
  file_ = std::filesystem::temp_directory_path() / ("fedlog-server-test-" + std::to_string(::getpid()));
  std::ofstream{file_} << "x" << std::string(3'000'000, 'y');
  start();
  auto client = connect();
  const auto answer = client.call(get("/file"));
  std::filesystem::remove(file_);
  EXPECT_THAT(answer.substr(0, 300), HasSubstr("Content-Length: 3000000\r\n"));
  EXPECT_TRUE(body_of(answer) == std::string(3'000'000, 'y'));
}

TEST_F(ServerTest, SendsNoLengthWithNoContent) {
  start();
  auto client = connect();
  const auto answer = client.call(get("/nothing"));
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 204 No Content\r\n"));
  EXPECT_THAT(answer, Not(HasSubstr("Content-Length")));
  EXPECT_THAT(client.call(get()), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, WritesOneAccessRecordARequest) {
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

TEST_F(ServerTest, RefusesAPortThatIsTaken) {
  start();
  try {
    const Server second{{.port = server_->port()}, {.handle = [](const Request&, BodyReader&, Response&) {}}};
    FAIL() << "a second server listens on the same port";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("cannot listen on 127.0.0.1:" + std::to_string(server_->port())));
    EXPECT_THAT(error.what(), HasSubstr("does another server run there?"));
  }
}

TEST_F(ServerTest, StopLetsARunningRequestFinishAndClosesIdleConnections) {
  start();
  auto idle = connect();
  EXPECT_THAT(idle.call(get()), StartsWith("HTTP/1.1 200"));
  auto busy = connect();
  busy.send(get("/wait"));
  entered_.wait();
  std::thread stopper{[&] { server_->stop(); }};
  EXPECT_EQ(idle.receive_all(), "");
  release_.count_down();
  const auto answer = busy.receive_all();
  stopper.join();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_FALSE(connect().connected());
  server_->stop();
}

TEST_F(ServerTest, StopCutsARequestThatWaitsForItsClient) {
  start({.stop_timeout_ms = 1});
  auto client = connect();
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.receive(), "HTTP/1.1 100 Continue\r\n\r\n");
  server_->stop();
  EXPECT_EQ(logged(0).status, 400);
}

TEST_F(ServerTest, ServesManyClientsAtOnce) {
  start({.threads_max = 8});
  std::vector<std::thread> threads;
  std::atomic<int> answered = 0;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&] {
      std::vector<Client> clients;
      for (int index = 0; index < 8; ++index) clients.push_back(connect());
      for (int round = 0; round < 10; ++round) {
        for (auto& client : clients) client.send(round % 2 ? get() : post("body"));
        for (auto& client : clients) answered += client.receive().starts_with("HTTP/1.1 200 OK\r\n") ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answered, 640);
}

}  // namespace
}  // namespace fedlog::http
