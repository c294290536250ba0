#include "actors/receiver_connection.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "actors/tls_clients.h"

namespace fedlog::actors {
namespace {

using Clock = ReceiverConnection::Clock;
using std::chrono::milliseconds;

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};

class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_ = -1;
};

constexpr std::size_t v4_offset = 12;

bool is_v4(const IpAddress& address) {
  constexpr std::array<std::uint8_t, v4_offset> prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  return std::equal(prefix.begin(), prefix.end(), address.begin());
}

IpAddress address_of(const sockaddr& address) {
  IpAddress result{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0};
  if (address.sa_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address).sin_addr;
    std::memcpy(&result[v4_offset], &v4, sizeof v4);
  } else {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    std::memcpy(result.data(), &v6, sizeof v6);
  }
  return result;
}

std::string text_of(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_v4(address)) {
    ::inet_ntop(AF_INET, &address[v4_offset], text.data(), text.size());
  } else {
    ::inet_ntop(AF_INET6, address.data(), text.data(), text.size());
  }
  return text.data();
}

std::expected<std::vector<IpAddress>, std::string> resolve_with_system(const std::string& host) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int failure = ::getaddrinfo(host.c_str(), nullptr, &hints, &list); failure != 0) {
    return std::unexpected(std::string(::gai_strerror(failure)));
  }
  const std::unique_ptr<addrinfo, Deleter<&::freeaddrinfo>> owner{list};
  std::vector<IpAddress> addresses;
  for (const auto* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family == AF_INET || entry->ai_family == AF_INET6) {
      addresses.push_back(address_of(*entry->ai_addr));
    }
  }
  return addresses;
}

// Whatever may end the waits of a connection; null: nothing.
using Interruptions = std::array<const Interruption*, 2>;

pollfd entry_of(const Interruption* interruption) {
  return {.fd = interruption != nullptr ? interruption->descriptor() : -1, .events = POLLIN, .revents = 0};
}

// Waits until the socket is ready; false: not before `until`, or it was interrupted.
bool wait_until(int socket, short events, Clock::time_point until, const Interruptions& interruptions) {
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    std::array<pollfd, 3> entries{{{.fd = socket, .events = events, .revents = 0},
                                   entry_of(interruptions[0]),
                                   entry_of(interruptions[1])}};
    const int ready =
        ::poll(entries.data(), entries.size(), static_cast<int>(std::min<std::int64_t>(left, 60'000)));
    if (entries[1].revents != 0 || entries[2].revents != 0) return false;
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return true;  // the call that is made next says what is wrong
  }
}

int begin_to_connect(int socket, const IpAddress& address, int port) {
  if (is_v4(address)) {
    sockaddr_in target{};
    target.sin_family = AF_INET;
    target.sin_port = htons(static_cast<std::uint16_t>(port));
    std::memcpy(&target.sin_addr, &address[v4_offset], sizeof target.sin_addr);
    return ::connect(socket, reinterpret_cast<const sockaddr*>(&target), sizeof target);
  }
  sockaddr_in6 target{};
  target.sin6_family = AF_INET6;
  target.sin6_port = htons(static_cast<std::uint16_t>(port));
  std::memcpy(&target.sin6_addr, address.data(), address.size());
  return ::connect(socket, reinterpret_cast<const sockaddr*>(&target), sizeof target);
}

std::expected<Socket, std::string> connect_to(const IpAddress& address, int port, Clock::time_point until,
                                              const Interruptions& interruptions) {
  const int family = is_v4(address) ? AF_INET : AF_INET6;
  Socket socket{::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  if (socket.get() < 0) return std::unexpected(std::string(std::strerror(errno)));
  const int on = 1;
  ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (begin_to_connect(socket.get(), address, port) == 0) return socket;
  if (errno != EINPROGRESS) return std::unexpected(std::string(std::strerror(errno)));
  if (!wait_until(socket.get(), POLLOUT, until, interruptions)) return std::unexpected("nobody answers");
  int failure = 0;
  socklen_t size = sizeof failure;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &failure, &size);
  if (failure != 0) return std::unexpected(std::string(std::strerror(failure)));
  return socket;
}

std::string tls_failure(const SSL* ssl) {
  if (const long verdict = SSL_get_verify_result(ssl); verdict != X509_V_OK) {
    return std::string("its certificate is not accepted: ") + X509_verify_cert_error_string(verdict);
  }
  const auto* const reason = ERR_reason_error_string(ERR_peek_last_error());
  return std::string("TLS fails: ") + (reason != nullptr ? reason : "the connection ended");
}

}  // namespace

Interruption::Interruption() : descriptor_(::eventfd(0, EFD_CLOEXEC)) {
  if (descriptor_ < 0) throw std::runtime_error(std::string("no eventfd: ") + std::strerror(errno));
}

Interruption::~Interruption() {
  ::close(descriptor_);
}

void Interruption::raise() {
  ::eventfd_write(descriptor_, 1);
}

struct ReceiverConnection::State {
  const ConnectionOptions& options;
  Interruptions interruptions;
  Clock::time_point end;
  Socket socket = {};
  TlsClients::Connection ssl = {};

  [[nodiscard]] Clock::time_point within(milliseconds timeout) const {
    return std::min(end, Clock::now() + timeout);
  }

  [[nodiscard]] bool wait(short events, Clock::time_point until) const {
    return wait_until(socket.get(), events, until, interruptions);
  }

  // After an SSL call that returned `result`, not above 0: whether it may be made again.
  [[nodiscard]] bool may_go_on(int result, Clock::time_point until) const {
    const int reason = SSL_get_error(ssl.get(), result);
    if (reason != SSL_ERROR_WANT_READ && reason != SSL_ERROR_WANT_WRITE) return false;
    return wait(reason == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT, until);
  }

  // Tries the permitted addresses in the order of the resolver.
  [[nodiscard]] std::expected<void, ConnectionError> connect(const Endpoint& endpoint) {
    const auto addresses =
        options.resolve ? options.resolve(endpoint.host) : resolve_with_system(endpoint.host);
    const auto failed = [&](const std::string& what) {
      return std::unexpected(
          ConnectionError{.message = "its name" + what, .in_full = "the name " + endpoint.host + what});
    };
    if (!addresses) return failed(" cannot be resolved: " + addresses.error());
    if (addresses->empty()) return failed(" has no address");
    ConnectionError error{.message = {}, .in_full = {}, .denied = true};
    for (const auto& address : *addresses) {
      if (options.permits && !options.permits(address)) {
        if (error.denied) {
          const std::string what = " is in a network that this server may not post to";
          error.message = "its address" + what;
          error.in_full = "its address " + text_of(address) + what;
        }
        continue;
      }
      auto connected = connect_to(address, endpoint.port, within(options.connect_timeout), interruptions);
      if (connected) {
        socket = std::move(*connected);
        return {};
      }
      error = {.message = "no connection: " + connected.error(),
               .in_full = "no connection to " + text_of(address) + ": " + connected.error()};
      if (Clock::now() >= end) break;
    }
    return std::unexpected(error);
  }

  [[nodiscard]] std::expected<void, std::string> shake_hands(const std::string& host, const TlsClients& tls) {
    ssl = tls.connection_to(host);
    if (!ssl || SSL_set_fd(ssl.get(), socket.get()) != 1) return std::unexpected("TLS cannot begin");
    const auto until = within(options.connect_timeout);
    while (true) {
      ERR_clear_error();
      const int result = SSL_connect(ssl.get());
      if (result == 1) return {};
      if (!may_go_on(result, until)) {
        return std::unexpected(Clock::now() >= until ? "TLS takes too long" : tls_failure(ssl.get()));
      }
    }
  }
};

ReceiverConnection::ReceiverConnection(std::unique_ptr<State> state) : state_(std::move(state)) {}
ReceiverConnection::ReceiverConnection(ReceiverConnection&&) noexcept = default;
ReceiverConnection::~ReceiverConnection() = default;

std::expected<ReceiverConnection, ConnectionError> ReceiverConnection::open(const Endpoint& endpoint,
                                                                            const ConnectionOptions& options,
                                                                            const TlsClients& tls,
                                                                            const Interruption* cut_off) {
  auto state = std::make_unique<State>(State{.options = options,
                                             .interruptions = {options.interruption.get(), cut_off},
                                             .end = Clock::now() + options.total_timeout});
  if (auto connected = state->connect(endpoint); !connected) {
    return std::unexpected(std::move(connected.error()));
  }
  if (endpoint.tls) {
    if (auto done = state->shake_hands(endpoint.host, tls); !done) {
      return std::unexpected(ConnectionError{.message = std::move(done.error())});
    }
  }
  return ReceiverConnection{std::move(state)};
}

std::expected<void, std::string> ReceiverConnection::send(std::string_view bytes) {
  const int socket = state_->socket.get();
  while (!bytes.empty()) {
    ERR_clear_error();
    const auto until = state_->within(state_->options.read_timeout);
    const auto count = state_->ssl
                           ? SSL_write(state_->ssl.get(), bytes.data(), static_cast<int>(bytes.size()))
                           : static_cast<int>(::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL));
    if (count > 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    const bool may_go_on = state_->ssl ? state_->may_go_on(count, until)
                                       : (errno == EAGAIN || errno == EINTR) && state_->wait(POLLOUT, until);
    if (!may_go_on) {
      return std::unexpected(Clock::now() >= until ? "it does not take the message"
                                                   : "it ended the connection while the message was sent");
    }
  }
  return {};
}

std::expected<std::size_t, std::string> ReceiverConnection::receive(std::span<char> bytes) {
  const int socket = state_->socket.get();
  const auto until = state_->within(state_->options.read_timeout);
  while (true) {
    ERR_clear_error();
    const auto count = state_->ssl ? SSL_read(state_->ssl.get(), bytes.data(), static_cast<int>(bytes.size()))
                                   : static_cast<int>(::recv(socket, bytes.data(), bytes.size(), 0));
    // A pause is limited, and so is all of it together: a receiver that drips on and on gains nothing.
    if (count > 0 && Clock::now() < state_->end) return static_cast<std::size_t>(count);
    if (count == 0 && !state_->ssl) return 0;
    const bool may_go_on = count > 0     ? false
                           : state_->ssl ? state_->may_go_on(count, until)
                                         : (errno == EAGAIN || errno == EINTR) && state_->wait(POLLIN, until);
    if (may_go_on) continue;
    if (Clock::now() >= until) return std::unexpected("it does not answer in time");
    return 0;
  }
}

}  // namespace fedlog::actors
