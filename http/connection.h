#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "http/transport.h"

namespace fedlog::http {

enum class TransferError { timed_out, disconnected };

// How slow a peer may be: each wait ends after `timeout_ms`, and all waits of one transfer together may last
// no longer than that plus the time its bytes take at `bytes_per_second_min`. Only waiting counts, not our
// own work in between.
struct Pace {
  int timeout_ms = 30'000;
  std::uint64_t bytes_per_second_min = 1024;
};

// One client's connection: what came and is not consumed, and how the transfer goes that is under way. Used
// by one thread at a time.
class Connection {
 public:
  Connection(std::unique_ptr<Transport> transport, std::string remote_address)
      : transport_(std::move(transport)), remote_address_(std::move(remote_address)) {}

  [[nodiscard]] int fd() const { return transport_->fd(); }
  [[nodiscard]] std::string_view scheme() const { return transport_->scheme(); }
  [[nodiscard]] const std::string& remote_address() const { return remote_address_; }

  // What came and was not consumed.
  [[nodiscard]] std::string_view input() const { return std::string_view{input_}.substr(consumed_); }
  void consume(std::size_t count);
  [[nodiscard]] bool has_buffered_input() const { return transport_->has_buffered_input(); }

  // Without waiting.
  enum class Progress {
    done,
    waits,  // for the socket: see waits_for_output()
    closed,
  };
  [[nodiscard]] Progress shake_hands_now();
  // Takes what the socket has right now, at most `size_bytes`, into input().
  [[nodiscard]] Progress receive_now(std::size_t size_bytes);
  // Cuts what the socket took off the front of `bytes`; done when nothing is left.
  [[nodiscard]] Progress send_now(std::string_view& bytes);
  // The same for a piece of a file.
  [[nodiscard]] Progress send_file_now(int file, std::uint64_t& offset_bytes, std::uint64_t& left_bytes);
  // Drops up to `size_bytes` of what the socket has right now.
  [[nodiscard]] Progress discard_now(std::size_t size_bytes);
  void finish_sending() { transport_->finish_sending(); }
  // What the last of these calls, if it `waits`, waits for: output rather than input.
  [[nodiscard]] bool waits_for_output() const { return waits_for_output_; }

  // Starts a transfer: its waits are counted from zero.
  void start_transfer() { transfer_ = {}; }
  // How long the next wait of the transfer may last; and that it lasted so long.
  [[nodiscard]] std::chrono::milliseconds patience(const Pace& pace) const;
  void add_wait(std::chrono::milliseconds duration) { transfer_.waited += duration; }

  // Waiting, at most as the pace allows.
  // Until input() has more than before.
  [[nodiscard]] std::expected<void, TransferError> receive(const Pace& pace);
  // Up to `buffer.size()` bytes, from input() first; at least one.
  [[nodiscard]] std::expected<std::size_t, TransferError> read(std::span<char> buffer, const Pace& pace);
  [[nodiscard]] std::expected<void, TransferError> write(std::string_view bytes, const Pace& pace);

  [[nodiscard]] std::uint64_t bytes_received() const { return bytes_received_; }
  [[nodiscard]] std::uint64_t bytes_sent() const { return bytes_sent_; }

 private:
  struct Transfer {
    std::uint64_t bytes = 0;
    std::chrono::milliseconds waited{0};
  };
  [[nodiscard]] std::expected<void, TransferError> wait(const Pace& pace);
  [[nodiscard]] std::expected<void, TransferError> repeat(const Pace& pace, const auto& attempt);
  [[nodiscard]] Progress receive_into(std::span<char> buffer, std::size_t& count);
  [[nodiscard]] Progress progress_of(Transport::Outcome outcome);
  void count_sent(std::size_t count);

  std::unique_ptr<Transport> transport_;
  std::string remote_address_;
  std::string input_;
  std::size_t consumed_ = 0;
  Transfer transfer_;
  bool waits_for_output_ = false;
  std::uint64_t bytes_received_ = 0;
  std::uint64_t bytes_sent_ = 0;
};

}  // namespace fedlog::http
