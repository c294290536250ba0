#include "actors/webhook.h"

#include <fcntl.h>
#include <httplib.h>
#include <openssl/err.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace fedlog::actors {
namespace {

using Clock = std::chrono::steady_clock;

// cpp-httplib reads lines of any length and matches the first one with a recursive regular expression: a long
// line would use up the thread's stack.
constexpr std::size_t answer_bytes_max = 8 * 1024;

// The connection to a receiver, whose socket does not block, with one deadline for everything.
class ReceiverStream final : public httplib::Stream {
 public:
  ReceiverStream(int socket, SSL* tls, Clock::time_point deadline)
      : socket_(socket), tls_(tls), deadline_(deadline) {}

  [[nodiscard]] bool is_readable() const override { return true; }
  [[nodiscard]] bool is_writable() const override { return true; }

  ssize_t read(char* bytes, std::size_t size) override {
    if (taken_ == filled_ && !fill()) return -1;
    const auto count = std::min(size, filled_ - taken_);
    std::memcpy(bytes, input_.data() + taken_, count);
    taken_ += count;
    return static_cast<ssize_t>(count);
  }

  ssize_t write(const char* bytes, std::size_t size) override {
    std::size_t sent = 0;
    while (sent < size) {
      ERR_clear_error();
      const auto count = tls_ != nullptr
                             ? SSL_write(tls_, bytes + sent, static_cast<int>(size - sent))
                             : static_cast<int>(::send(socket_, bytes + sent, size - sent, MSG_NOSIGNAL));
      if (count > 0) {
        sent += static_cast<std::size_t>(count);
      } else if (!wait_after(count, POLLOUT)) {
        return -1;
      }
    }
    return static_cast<ssize_t>(size);
  }

  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  [[nodiscard]] socket_t socket() const override { return socket_; }

 private:
  // All that an answer may have goes into the one buffer.
  bool fill() {
    const auto room = static_cast<int>(input_.size() - filled_);
    if (room == 0) return false;
    while (true) {
      ERR_clear_error();
      auto* const end = input_.data() + filled_;
      const auto count = tls_ != nullptr
                             ? SSL_read(tls_, end, room)
                             : static_cast<int>(::recv(socket_, end, static_cast<std::size_t>(room), 0));
      if (count > 0) {
        filled_ += static_cast<std::size_t>(count);
        return true;
      }
      if (!wait_after(count, POLLIN)) return false;
    }
  }

  // After a call that returned `result`, not above 0: whether it may be made again.
  bool wait_after(int result, short events) const {
    if (tls_ != nullptr) {
      const int reason = SSL_get_error(tls_, result);
      if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) return false;
      events = reason == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT;
    } else if (result == 0 || (errno != EAGAIN && errno != EINTR)) {
      return false;
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now()).count();
    if (left <= 0) return false;
    pollfd entry{.fd = socket_, .events = events, .revents = 0};
    return ::poll(&entry, 1, static_cast<int>(left)) != 0;
  }

  int socket_;
  SSL* tls_;
  Clock::time_point deadline_;
  std::array<char, answer_bytes_max> input_;
  std::size_t filled_ = 0;
  std::size_t taken_ = 0;
};

// cpp-httplib's client, plain or with TLS, over such a stream.
template <class Client>
class BoundedClient final : public Client {
 public:
  BoundedClient(const Endpoint& endpoint, const WebhookTimeouts& timeouts)
      : Client(endpoint.host, endpoint.port), answer_timeout_(timeouts.answer) {
    this->set_connection_timeout(timeouts.connect);
    this->set_tcp_nodelay(true);
  }

 private:
  bool process_socket(const typename Client::Socket& socket,
                      std::function<bool(httplib::Stream&)> callback) override {
    ::fcntl(socket.sock, F_SETFL, ::fcntl(socket.sock, F_GETFL) | O_NONBLOCK);
    ReceiverStream stream{socket.sock, socket.ssl, Clock::now() + answer_timeout_};
    return callback(stream);
  }

  std::chrono::milliseconds answer_timeout_;
};

template <class Client>
Attempt post(const Endpoint& endpoint, const storage::OutboxRow& row, const WebhookTimeouts& timeouts) {
  BoundedClient<Client> client{endpoint, timeouts};
  httplib::Request request;
  request.method = "POST";
  request.path = endpoint.target;
  request.headers = {{"X-Fedlog-Delivery", row.id.text()}, {"Content-Type", "application/json"}};
  request.body = body_of(row.notification);
  // The status is all that counts.
  int status = 0;
  request.response_handler = [&status](const httplib::Response& response) {
    status = response.status;
    return false;
  };
  const auto answer = client.send(request);
  if (status != 0) return {.status = status, .problem = {}};
  if (answer) return {.status = answer->status, .problem = {}};
  return {.status = 0, .problem = httplib::to_string(answer.error())};
}

}  // namespace

Attempt post_webhook(const Endpoint& endpoint, const storage::OutboxRow& row,
                     const WebhookTimeouts& timeouts) {
  return endpoint.tls ? post<httplib::SSLClient>(endpoint, row, timeouts)
                      : post<httplib::ClientImpl>(endpoint, row, timeouts);
}

}  // namespace fedlog::actors
