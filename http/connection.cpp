#include "http/connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace fedlog::http {

namespace {

constexpr std::size_t receive_bytes = 16 * 1024;

}  // namespace

void Connection::consume(std::size_t count) {
  consumed_ += std::min(count, input_.size() - consumed_);
  if (consumed_ == input_.size()) {
    input_.clear();
    consumed_ = 0;
  }
}

Connection::Received Connection::receive_into(std::span<char> buffer, std::size_t& count) {
  while (true) {
    const auto result = ::recv(fd(), buffer.data(), buffer.size(), 0);
    if (result > 0) {
      count = static_cast<std::size_t>(result);
      bytes_received_ += count;
      transfer_.bytes += count;
      return Received::some;
    }
    if (result == 0) return Received::closed;
    if (errno == EINTR) continue;
    return errno == EAGAIN || errno == EWOULDBLOCK ? Received::nothing_now : Received::closed;
  }
}

Connection::Received Connection::receive_now(std::size_t size_bytes) {
  std::array<char, receive_bytes> buffer;
  std::size_t count = 0;
  const auto received = receive_into(std::span{buffer}.first(std::min(size_bytes, buffer.size())), count);
  if (received != Received::some) return received;
  if (consumed_ > 0) {
    input_.erase(0, consumed_);
    consumed_ = 0;
  }
  input_.append(buffer.data(), count);
  return received;
}

Connection::Received Connection::discard_now(std::size_t size_bytes) {
  std::array<char, receive_bytes> buffer;
  std::size_t discarded = 0;
  while (discarded < size_bytes) {
    std::size_t count = 0;
    const auto received = receive_into(buffer, count);
    if (received != Received::some) return received;
    discarded += count;
  }
  return Received::some;
}

std::expected<void, TransferError> Connection::receive(const Pace& pace) {
  while (true) {
    switch (receive_now(receive_bytes)) {
      case Received::some:
        return {};
      case Received::closed:
        return std::unexpected{TransferError::disconnected};
      case Received::nothing_now:
        if (const auto waited = wait_for(POLLIN, pace); !waited) return waited;
    }
  }
}

std::expected<std::size_t, TransferError> Connection::read(std::span<char> buffer, const Pace& pace) {
  if (const auto ready = input(); !ready.empty()) {
    const auto count = std::min(ready.size(), buffer.size());
    std::memcpy(buffer.data(), ready.data(), count);
    consume(count);
    return count;
  }
  while (true) {
    std::size_t count = 0;
    switch (receive_into(buffer, count)) {
      case Received::some:
        return count;
      case Received::closed:
        return std::unexpected{TransferError::disconnected};
      case Received::nothing_now:
        if (const auto waited = wait_for(POLLIN, pace); !waited) return std::unexpected{waited.error()};
    }
  }
}

std::expected<void, TransferError> Connection::write(std::string_view bytes, const Pace& pace) {
  while (!bytes.empty()) {
    const auto result = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (result >= 0) {
      const auto count = static_cast<std::size_t>(result);
      bytes_sent_ += count;
      transfer_.bytes += count;
      bytes.remove_prefix(count);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (const auto waited = wait_for(POLLOUT, pace); !waited) return waited;
    } else if (errno != EINTR) {
      return std::unexpected{TransferError::disconnected};
    }
  }
  return {};
}

void Connection::write_now(std::string_view bytes) {
  const auto result = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (result > 0) bytes_sent_ += static_cast<std::size_t>(result);
}

std::expected<void, TransferError> Connection::wait_for(short events, const Pace& pace) {
  using namespace std::chrono;
  const milliseconds earned{transfer_.bytes * 1000 / std::max<std::uint64_t>(pace.bytes_per_second_min, 1)};
  const auto left = milliseconds{pace.timeout_ms} + earned - transfer_.waited;
  const auto timeout = std::clamp<std::int64_t>(left.count(), 0, pace.timeout_ms);
  pollfd entry{fd(), events, 0};
  const auto start = steady_clock::now();
  const int ready = ::poll(&entry, 1, static_cast<int>(timeout));
  transfer_.waited += duration_cast<milliseconds>(steady_clock::now() - start);
  if (ready == 0) return std::unexpected{TransferError::timed_out};
  if (ready < 0 && errno != EINTR) return std::unexpected{TransferError::disconnected};
  return {};
}

}  // namespace fedlog::http
