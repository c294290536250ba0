#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "http/file_descriptor.h"

namespace fedlog::http {

enum class TransferError { timed_out, disconnected };

// How slow a peer may be: each wait ends after `timeout_ms`, and all waits of one transfer together may last
// no longer than that plus the time its bytes take at `bytes_per_second_min`. Only waiting counts, not our
// own work in between.
struct Pace {
  int timeout_ms = 30'000;
  std::uint64_t bytes_per_second_min = 1024;
};

// Bytes in and out of one client's socket, which never blocks by itself. Used by one thread at a time.
class Connection {
 public:
  Connection(FileDescriptor socket, std::string remote_address)
      : socket_(std::move(socket)), remote_address_(std::move(remote_address)) {}

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] const std::string& remote_address() const { return remote_address_; }

  // What came and was not consumed.
  [[nodiscard]] std::string_view input() const { return std::string_view{input_}.substr(consumed_); }
  void consume(std::size_t count);

  enum class Received { some, nothing_now, closed };
  // Takes what the socket has right now, at most `size_bytes`, into input().
  [[nodiscard]] Received receive_now(std::size_t size_bytes);

  // Starts a transfer: its waits are counted from zero.
  void start_transfer() { transfer_ = {}; }
  // Waits until input() has more than before.
  [[nodiscard]] std::expected<void, TransferError> receive(const Pace& pace);
  // Up to `buffer.size()` bytes, from input() first; waits for at least one.
  [[nodiscard]] std::expected<std::size_t, TransferError> read(std::span<char> buffer, const Pace& pace);
  [[nodiscard]] std::expected<void, TransferError> write(std::string_view bytes, const Pace& pace);
  // For small answers of a thread that must not wait: what the socket does not take at once is lost.
  void write_now(std::string_view bytes);
  // Drops up to `size_bytes` of what the socket has right now.
  [[nodiscard]] Received discard_now(std::size_t size_bytes);

  [[nodiscard]] std::uint64_t bytes_received() const { return bytes_received_; }
  [[nodiscard]] std::uint64_t bytes_sent() const { return bytes_sent_; }

 private:
  struct Transfer {
    std::uint64_t bytes = 0;
    std::chrono::milliseconds waited{0};
  };
  [[nodiscard]] std::expected<void, TransferError> wait_for(short events, const Pace& pace);
  [[nodiscard]] Received receive_into(std::span<char> buffer, std::size_t& count);

  FileDescriptor socket_;
  std::string remote_address_;
  std::string input_;
  std::size_t consumed_ = 0;
  Transfer transfer_;
  std::uint64_t bytes_received_ = 0;
  std::uint64_t bytes_sent_ = 0;
};

}  // namespace fedlog::http
