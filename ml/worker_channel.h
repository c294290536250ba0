#pragma once

#include <chrono>
#include <cstddef>
#include <expected>
#include <optional>
#include <span>
#include <vector>

#include "ml/owned_descriptor.h"
#include "ml/worker_protocol.h"

// Frames over a connected UNIX stream socket, and the memory that both ends map. POSIX only.
namespace fedlog::ml {

// Where a worker finds its two descriptors when it starts.
inline constexpr int worker_socket_descriptor = 3;
inline constexpr int worker_memory_descriptor = 4;

using Deadline = std::optional<std::chrono::steady_clock::time_point>;  // none: wait without end

enum class ChannelError {
  closed,     // the other end is gone
  deadline,   // it did not answer in time
  malformed,  // what came is no frame, or too large a one
  failed,     // the system refused
};

// Sends one frame and, with its first byte, copies of `descriptors`. Leaves the socket unusable after an
// error.
[[nodiscard]] std::expected<void, ChannelError> send_frame(int socket, std::span<const std::byte> frame,
                                                           std::span<const int> descriptors,
                                                           Deadline deadline);

// Receives one frame. Descriptors are taken only when `descriptors` is given; otherwise the kernel drops
// those sent.
[[nodiscard]] std::expected<Frame, ChannelError> receive_frame(
    int socket, Deadline deadline, std::vector<OwnedDescriptor>* descriptors = nullptr);

// A memory area that two processes map, of a size that neither can change. Its pages exist once they are
// written.
class SharedMemory {
 public:
  [[nodiscard]] static std::optional<SharedMemory> create(std::size_t size_bytes);
  // Takes over the descriptor that another process created.
  [[nodiscard]] static std::optional<SharedMemory> adopt(OwnedDescriptor descriptor);

  SharedMemory(SharedMemory&& other) noexcept;
  SharedMemory& operator=(SharedMemory&&) = delete;
  ~SharedMemory();

  [[nodiscard]] std::span<std::byte> bytes() const { return bytes_; }
  [[nodiscard]] int descriptor() const { return descriptor_.get(); }
  // Gives the pages back to the system; the area reads as zeros afterwards.
  void clear();

 private:
  SharedMemory(OwnedDescriptor descriptor, std::span<std::byte> bytes)
      : descriptor_(std::move(descriptor)), bytes_(bytes) {}

  OwnedDescriptor descriptor_;
  std::span<std::byte> bytes_;
};

}  // namespace fedlog::ml
