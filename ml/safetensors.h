#pragma once

#include <expected>
#include <vector>

#include "ml/file_error.h"
#include "ml/file_limits.h"
#include "ml/tensor_record.h"

namespace fedlog::ml {

struct SafetensorsContent {
  std::vector<TensorRecord> tensors;
  std::vector<StorageRecord> storages;  // one a tensor, in the same order
};

// Whether the file can only be meant as safetensors: eight bytes of header length, then '{'.
[[nodiscard]] bool looks_like_safetensors(Bytes file);

// Reads the header of a safetensors file (the format's README: data_offsets tile the bytes after the header)
// in the order of its keys.
[[nodiscard]] std::expected<SafetensorsContent, FileError> read_safetensors(Bytes file,
                                                                            const FileLimits& limits);

}  // namespace fedlog::ml
