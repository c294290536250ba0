#include "http/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <memory>
#include <stdexcept>
#include <system_error>

namespace fedlog::http {

namespace {

constexpr int backlog = 1024;

FileDescriptor open_spare() {
  return FileDescriptor{::open("/dev/null", O_RDONLY | O_CLOEXEC)};
}

std::string reason(int error) {
  return std::generic_category().message(error);
}

std::string address_text(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text.data(), text.size());
  } else if (address.ss_family == AF_INET6) {
    const auto& in6 = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    // An IPv4 client of a dual-stack socket is named as everyone knows it.
    if (IN6_IS_ADDR_V4MAPPED(&in6)) {
      ::inet_ntop(AF_INET, &in6.s6_addr[12], text.data(), text.size());
    } else {
      ::inet_ntop(AF_INET6, &in6, text.data(), text.size());
    }
  }
  return text.data();
}

}  // namespace

Listener::Listener(const std::string& host, int port) : spare_(open_spare()) {
  const auto where = host + ":" + std::to_string(port);
  const addrinfo hints{.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                       .ai_family = AF_UNSPEC,
                       .ai_socktype = SOCK_STREAM,
                       .ai_protocol = 0,
                       .ai_addrlen = 0,
                       .ai_addr = nullptr,
                       .ai_canonname = nullptr,
                       .ai_next = nullptr};
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &found);
      error != 0) {
    throw std::runtime_error("cannot listen on " + where + ": " + ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> addresses{found, &::freeaddrinfo};

  socket_ = FileDescriptor{::socket(addresses->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  // So that a restart need not wait for old connections. Never SO_REUSEPORT: with it a second server would
  // take half of the connections without a word.
  const int on = 1;
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (!socket_.is_open() || ::bind(socket_.get(), addresses->ai_addr, addresses->ai_addrlen) != 0 ||
      ::listen(socket_.get(), backlog) != 0) {
    const int error = errno;
    throw std::runtime_error("cannot listen on " + where + ": " + reason(error) +
                             (error == EADDRINUSE ? " (does another server run there?)" : ""));
  }
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size);
  port_ = ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                              : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

std::optional<Accepted> Listener::accept() {
  while (true) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    const int result =
        ::accept4(fd(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (result >= 0) {
      FileDescriptor socket{result};
      const int on = 1;
      ::setsockopt(result, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return Accepted{std::move(socket), address_text(address)};
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if ((errno == EMFILE || errno == ENFILE) && spare_.is_open()) {
      spare_.reset();
      // Closed at once, so that its place is free again for the spare one, and the next can be dropped too:
      // whoever is left waiting would wake the caller again and again.
      const bool dropped = FileDescriptor{::accept4(fd(), nullptr, nullptr, SOCK_CLOEXEC)}.is_open();
      spare_ = open_spare();
      if (dropped) continue;
      return std::nullopt;
    }
    if (!spare_.is_open()) spare_ = open_spare();
    return std::nullopt;
  }
}

}  // namespace fedlog::http
