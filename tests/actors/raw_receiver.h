#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <thread>

#include "actors/endpoint.h"

namespace fedlog::actors::testing {

// A receiver on 127.0.0.1 that accepts one connection, sends `start`, then `more` again and again, with a
// pause between, until nobody takes it, and keeps the connection open until its end.
class RawReceiver {
 public:
  RawReceiver(std::string start, std::string more, std::chrono::milliseconds pause = {})
      : start_(std::move(start)), more_(std::move(more)), pause_(pause) {
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
    ::shutdown(listener_, SHUT_RDWR);  // where nobody came
    thread_.join();
    if (connection_ >= 0) ::close(connection_);
    ::close(listener_);
  }
  RawReceiver(const RawReceiver&) = delete;
  RawReceiver& operator=(const RawReceiver&) = delete;

  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }

  void wait_for_a_connection() {
    thread_.join();
    thread_ = std::thread([] {});
  }

  // All that was sent to it; once the other end has closed the connection.
  [[nodiscard]] std::string received() {
    wait_for_a_connection();
    std::string text;
    std::string piece(4096, '\0');
    for (ssize_t count = 0; (count = ::recv(connection_, piece.data(), piece.size(), 0)) > 0;) {
      text.append(piece, 0, static_cast<std::size_t>(count));
    }
    return text;
  }

 private:
  void answer() {
    connection_ = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (!send(start_) || more_.empty()) return;
    while (send(more_)) std::this_thread::sleep_for(pause_);
  }
  [[nodiscard]] bool send(const std::string& bytes) const {
    return ::send(connection_, bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0;
  }

  std::string start_;
  std::string more_;
  std::chrono::milliseconds pause_;
  int listener_ = -1;
  int connection_ = -1;
  Endpoint endpoint_;
  std::thread thread_;
};

}  // namespace fedlog::actors::testing
