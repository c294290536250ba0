#pragma once

#include <algorithm>
#include <cstdint>
#include <expected>
#include <string>

#include "ml/file_error.h"
#include "ml/file_limits.h"
#include "ml/tensor_record.h"

namespace fedlog::ml {

// What a part of a file may take in its reader's memory: some, and a multiple of the part's own bytes.
// Whoever keeps something on account of the file takes its bytes from here first. For one thread.
class MemoryBudget {
 public:
  MemoryBudget(const FileLimits& limits, std::uint64_t source_bytes)
      : bytes_(std::min(limits.memory_bytes, always_allowed + limits.memory_ratio * source_bytes)),
        left_(bytes_) {}

  [[nodiscard]] std::expected<void, FileError> take(std::uint64_t bytes) {
    if (bytes > left_) {
      return file_error(FileErrorCode::over_limit,
                        "The file describes too much for its size: reading it would take more than " +
                            std::to_string(bytes_) + " bytes of memory.");
    }
    left_ -= bytes;
    return {};
  }

 private:
  static constexpr std::uint64_t always_allowed = std::uint64_t{1} << 20;

  std::uint64_t bytes_;
  std::uint64_t left_;
};

// Of a tensor's record with its lists.
[[nodiscard]] inline std::uint64_t memory_bytes(const TensorRecord& tensor) {
  constexpr std::uint64_t allocation_bytes = 16;
  return sizeof tensor + tensor.name.size() + 2 * allocation_bytes +
         (tensor.shape.size() + tensor.strides.size()) * sizeof(std::int64_t);
}

}  // namespace fedlog::ml
