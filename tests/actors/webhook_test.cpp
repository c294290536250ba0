#include "actors/webhook.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>

namespace fedlog::actors {
namespace {

using std::chrono::milliseconds;

// A receiver that accepts one connection, sends `start`, then `more` again and again until nobody takes it,
// and keeps the connection open until its end.
class RawReceiver {
 public:
  RawReceiver(std::string start, std::string more) : start_(std::move(start)), more_(std::move(more)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 1);
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    endpoint_ = {.tls = false, .host = "127.0.0.1", .port = ntohs(address.sin_port), .target = "/"};
    thread_ = std::thread([this] { answer(); });
  }
  ~RawReceiver() {
    thread_.join();
    ::close(connection_);
    ::close(listener_);
  }
  RawReceiver(const RawReceiver&) = delete;
  RawReceiver& operator=(const RawReceiver&) = delete;

  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }

 private:
  void answer() {
    connection_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (!send(start_) || more_.empty()) return;
    while (send(more_)) {
    }
  }
  [[nodiscard]] bool send(const std::string& bytes) const {
    return ::send(connection_, bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0;
  }

  std::string start_;
  std::string more_;
  int listener_ = -1;
  int connection_ = -1;
  Endpoint endpoint_;
  std::thread thread_;
};

Attempt attempt(const RawReceiver& receiver, milliseconds answer_timeout = std::chrono::seconds{30}) {
  return post_webhook(receiver.endpoint(), {},
                      {.connect = std::chrono::seconds{5}, .answer = answer_timeout});
}

TEST(Webhook, TakesTheStatusOfAnAnswer) {
  const RawReceiver receiver{"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n", {}};
  EXPECT_EQ(attempt(receiver).status, 202);
}

TEST(Webhook, SurvivesAStatusLineThatDoesNotEnd) {
  const RawReceiver receiver{"HTTP/1.1 200 ", std::string(64 * 1024, 'x')};
  EXPECT_EQ(attempt(receiver).status, 0);
}

TEST(Webhook, SurvivesALongStatusLine) {
  const RawReceiver receiver{"HTTP/1.1 200 " + std::string(4 * 1024 * 1024, 'x') + "\r\n\r\n", {}};
  EXPECT_EQ(attempt(receiver).status, 0);
}

TEST(Webhook, SurvivesHeadersWithoutEnd) {
  const RawReceiver receiver{"HTTP/1.1 200 OK\r\n", "X-More: of the same\r\n"};
  EXPECT_EQ(attempt(receiver).status, 0);
}

TEST(Webhook, SurvivesInformationWithoutEnd) {
  const RawReceiver receiver{{}, "HTTP/1.1 100 Continue\r\n\r\n"};
  EXPECT_EQ(attempt(receiver).status, 0);
}

TEST(Webhook, GivesUpOnAReceiverThatNeverFinishesItsAnswer) {
  const RawReceiver receiver{"HTTP/1.1 200 OK\r\nX-Half: of a hea", {}};
  const auto made = attempt(receiver, milliseconds{20});
  EXPECT_EQ(made.status, 0);
  EXPECT_FALSE(made.problem.empty());
}

}  // namespace
}  // namespace fedlog::actors
