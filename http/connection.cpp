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
constexpr std::size_t kept_input_bytes_max = 4 * 1024;
// After so much of a file the other clients have their turn.
constexpr std::uint64_t file_turn_bytes = 4 * 1024 * 1024;

}  // namespace

void Connection::consume(std::size_t count) {
  consumed_ += std::min(count, input_.size() - consumed_);
  if (consumed_ == input_.size()) {
    // An idle connection keeps only a little.
    if (input_.capacity() > kept_input_bytes_max) input_ = {};
    input_.clear();
    consumed_ = 0;
  }
}

Connection::Progress Connection::progress_of(Transport::Outcome outcome) {
  waits_for_output_ = outcome == Transport::Outcome::wants_output;
  switch (outcome) {
    case Transport::Outcome::moved:
      return Progress::done;
    case Transport::Outcome::wants_input:
    case Transport::Outcome::wants_output:
      return Progress::waits;
    case Transport::Outcome::closed:
      break;
  }
  return Progress::closed;
}

void Connection::count_sent(std::size_t count) {
  bytes_sent_ += count;
  transfer_.bytes += count;
}

Connection::Progress Connection::shake_hands_now() {
  return progress_of(transport_->shake_hands());
}

Connection::Progress Connection::receive_into(std::span<char> buffer, std::size_t& count) {
  const auto moved = transport_->receive(buffer);
  count = moved.bytes;
  bytes_received_ += moved.bytes;
  transfer_.bytes += moved.bytes;
  return progress_of(moved.outcome);
}

Connection::Progress Connection::receive_now(std::size_t size_bytes) {
  std::array<char, receive_bytes> buffer;
  std::size_t count = 0;
  const auto progress = receive_into(std::span{buffer}.first(std::min(size_bytes, buffer.size())), count);
  if (progress != Progress::done) return progress;
  if (consumed_ > 0) {
    input_.erase(0, consumed_);
    consumed_ = 0;
  }
  input_.append(buffer.data(), count);
  return progress;
}

Connection::Progress Connection::send_now(std::string_view& bytes) {
  while (!bytes.empty()) {
    const auto moved = transport_->send(bytes);
    count_sent(moved.bytes);
    bytes.remove_prefix(moved.bytes);
    if (const auto progress = progress_of(moved.outcome); progress != Progress::done) return progress;
  }
  return Progress::done;
}

Connection::Progress Connection::send_file_now(int file, std::uint64_t& offset_bytes,
                                               std::uint64_t& left_bytes) {
  std::uint64_t sent = 0;
  while (left_bytes > 0) {
    if (sent >= file_turn_bytes) return progress_of(Transport::Outcome::wants_output);
    const auto size = static_cast<std::size_t>(std::min(left_bytes, file_turn_bytes - sent));
    const auto moved = transport_->send_file(file, offset_bytes, size);
    count_sent(moved.bytes);
    sent += moved.bytes;
    offset_bytes += moved.bytes;
    left_bytes -= moved.bytes;
    if (const auto progress = progress_of(moved.outcome); progress != Progress::done) return progress;
  }
  return Progress::done;
}

Connection::Progress Connection::discard_now(std::size_t size_bytes) {
  std::array<char, receive_bytes> buffer;
  std::size_t discarded = 0;
  while (discarded < size_bytes) {
    // The bare bytes: nobody needs to decrypt what is thrown away, and TCP need not even copy it.
    const auto count = ::recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC);
    if (count == 0) return Progress::closed;
    if (count < 0) {
      if (errno == EINTR) continue;
      return errno == EAGAIN || errno == EWOULDBLOCK ? progress_of(Transport::Outcome::wants_input)
                                                     : Progress::closed;
    }
    discarded += static_cast<std::size_t>(count);
  }
  return progress_of(Transport::Outcome::wants_input);
}

std::chrono::milliseconds Connection::patience(const Pace& pace) const {
  using std::chrono::milliseconds;
  const milliseconds earned{transfer_.bytes * 1000 / std::max<std::uint64_t>(pace.bytes_per_second_min, 1)};
  const milliseconds timeout{pace.timeout_ms};
  return std::clamp(timeout + earned - transfer_.waited, milliseconds{0}, timeout);
}

std::expected<void, TransferError> Connection::wait(const Pace& pace) {
  using namespace std::chrono;
  pollfd entry{fd(), static_cast<short>(waits_for_output_ ? POLLOUT : POLLIN), 0};
  const auto start = steady_clock::now();
  const int ready = ::poll(&entry, 1, static_cast<int>(patience(pace).count()));
  add_wait(duration_cast<milliseconds>(steady_clock::now() - start));
  if (ready == 0) return std::unexpected{TransferError::timed_out};
  if (ready < 0 && errno != EINTR) return std::unexpected{TransferError::disconnected};
  return {};
}

// Tries until it is done, and waits in between.
std::expected<void, TransferError> Connection::repeat(const Pace& pace, const auto& attempt) {
  while (true) {
    switch (attempt()) {
      case Progress::done:
        return {};
      case Progress::closed:
        return std::unexpected{TransferError::disconnected};
      case Progress::waits:
        if (const auto waited = wait(pace); !waited) return waited;
    }
  }
}

std::expected<void, TransferError> Connection::receive(const Pace& pace) {
  return repeat(pace, [&] { return receive_now(receive_bytes); });
}

std::expected<std::size_t, TransferError> Connection::read(std::span<char> buffer, const Pace& pace) {
  std::size_t count = 0;
  if (const auto ready = input(); !ready.empty()) {
    count = std::min(ready.size(), buffer.size());
    std::memcpy(buffer.data(), ready.data(), count);
    consume(count);
    return count;
  }
  if (const auto done = repeat(pace, [&] { return receive_into(buffer, count); }); !done) {
    return std::unexpected{done.error()};
  }
  return count;
}

std::expected<void, TransferError> Connection::write(std::string_view bytes, const Pace& pace) {
  return repeat(pace, [&] { return send_now(bytes); });
}

}  // namespace fedlog::http
