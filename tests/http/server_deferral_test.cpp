#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <string>

#include "tests/http/server_fixture.h"

namespace fedlog::http {
namespace {

using testing::Client;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// What a deferral waits for: the test says when it is there, and sees that its listener goes.
class News {
 public:
  std::function<void(std::function<void()>)> listener() {
    auto hold = std::make_shared<Hold>(*this);
    return [hold](std::function<void()> ready) {
      const std::scoped_lock lock{hold->news.mutex_};
      hold->news.ready_ = std::move(ready);
      hold->news.changed_.notify_all();
    };
  }
  void come() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return static_cast<bool>(ready_); });
    ready_();
  }
  void await_listener() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return static_cast<bool>(ready_); });
  }
  void await_nobody() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [this] { return holds_ == 0; });
  }

 private:
  struct Hold {
    explicit Hold(News& told) : news(told) {
      const std::scoped_lock lock{news.mutex_};
      ++news.holds_;
    }
    ~Hold() {
      const std::scoped_lock lock{news.mutex_};
      --news.holds_;
      news.ready_ = nullptr;
      news.changed_.notify_all();
    }
    News& news;
  };
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void()> ready_;
  int holds_ = 0;
};

class DeferredAnswers : public ::testing::Test {
 protected:
  ~DeferredAnswers() override { server_.reset(); }

  void start(ServerOptions options = {}) {
    options.port = 0;
    server_ = std::make_unique<Server>(
        options,
        ServerCallbacks{.handle =
                            [this](const Request& request, BodyReader&, Response& response) {
                              if (request.path == "/now") return;
                              response.headers.set("X-Early", "1");
                              response.deferral = std::make_shared<Deferral>(
                                  Deferral{.until = std::chrono::steady_clock::now() + patience_,
                                           .listen = news_.listener(),
                                           .complete = [this](Response& out) { complete(out); }});
                            },
                        .on_access = {},
                        .on_exception = [this](const Request&, std::string_view) { ++exceptions_; }});
  }
  void complete(Response& response) {
    ++completed_;
    if (fails_) throw std::runtime_error("planted");
    response.body = std::string{"late"};
  }
  static std::string get(const std::string& path) { return "GET " + path + " HTTP/1.1\r\nHost: h\r\n\r\n"; }
  [[nodiscard]] Client connect() const { return Client{server_->port()}; }

  std::chrono::seconds patience_{1'000};
  News news_;
  std::atomic<int> completed_ = 0;
  std::atomic<int> exceptions_ = 0;
  bool fails_ = false;
  std::unique_ptr<Server> server_;
};

TEST_F(DeferredAnswers, ComeWhenTheyAreReady) {
  start();
  auto client = connect();
  client.send(get("/wait"));
  news_.come();
  const auto answer = client.receive();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("X-Early: 1"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nlate"));
  EXPECT_THAT(client.call(get("/now")), StartsWith("HTTP/1.1 200")) << "the connection goes on";
  EXPECT_EQ(completed_, 1);
}

TEST_F(DeferredAnswers, ComeWhenTheirTimeIsOver) {
  patience_ = std::chrono::seconds{0};
  start();
  EXPECT_THAT(connect().call(get("/wait")), HasSubstr("late"));
  news_.await_nobody();
}

TEST_F(DeferredAnswers, HoldNoThread) {
  ServerOptions options;
  options.threads_max = 2;
  start(options);
  std::vector<Client> waiting;
  for (int count = 0; count < 50; ++count) {
    waiting.push_back(connect());
    waiting.back().send(get("/wait"));
  }
  news_.await_listener();
  EXPECT_THAT(connect().call(get("/now")), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(completed_, 0);
}

TEST_F(DeferredAnswers, ComeAtOnceWhenTheServerIsStopped) {
  start();
  auto client = connect();
  client.send(get("/wait"));
  news_.await_listener();
  server_->stop();
  const auto answer = client.receive_all();
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\nlate"));
}

TEST_F(DeferredAnswers, AreForgottenWhenTheirClientGoesAway) {
  start();
  auto client = connect();
  client.send(get("/wait"));
  news_.await_listener();
  client.close();
  news_.await_nobody();
  EXPECT_EQ(completed_, 0);
  server_->stop();
  EXPECT_EQ(completed_, 0);
}

TEST_F(DeferredAnswers, ComeBeforeThatToTheNextRequestOfTheConnection) {
  start();
  auto client = connect();
  client.send(get("/wait"));
  news_.await_listener();
  client.send(get("/now"));
  news_.come();
  EXPECT_THAT(client.receive(), HasSubstr("late"));
  EXPECT_THAT(client.receive(), StartsWith("HTTP/1.1 200"));
}

TEST_F(DeferredAnswers, ComeEarlyToAClientThatSendsMuchMeanwhile) {
  ServerOptions options;
  options.collected_body_bytes_max = 1024;
  start(options);
  auto client = connect();
  client.send(get("/wait"));
  news_.await_listener();
  for (int count = 0; count < 40; ++count) client.send(get("/now"));
  EXPECT_THAT(client.receive(), HasSubstr("late"));
  for (int count = 0; count < 40; ++count) ASSERT_THAT(client.receive(), StartsWith("HTTP/1.1 200"));
}

TEST_F(DeferredAnswers, ThatFailAreAServerError) {
  fails_ = true;
  start();
  auto client = connect();
  client.send(get("/wait"));
  news_.come();
  EXPECT_THAT(client.receive(), StartsWith("HTTP/1.1 500"));
  EXPECT_EQ(exceptions_, 1);
}

}  // namespace
}  // namespace fedlog::http
