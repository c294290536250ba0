#pragma once

#include <cstddef>
#include <cstdint>

namespace fedlog::ml {

// What a file may cost its reader. The defaults leave room for models of hundreds of millions of weights.
struct FileLimits {
  std::uint64_t file_size_bytes = std::uint64_t{16} << 30;
  std::size_t archive_entries = 200'000;
  // Over all compressed records of an archive, and for one of them as a multiple of its compressed size.
  std::uint64_t inflated_size_bytes = std::uint64_t{128} << 20;
  std::uint64_t inflation_ratio = 200;
  std::size_t pickle_size_bytes = std::size_t{32} << 20;
  std::size_t pickle_operations = 4'000'000;
  std::size_t pickle_memo_slots = 1'000'000;
  std::uint32_t nesting_depth = 500;
  std::uint64_t code_size_bytes = std::uint64_t{32} << 20;
  // Of what a pickle, its tensors, their names, or TorchScript's declarations become in memory: in all, and
  // as a multiple of their bytes in the file beyond the first MiB.
  std::uint64_t memory_bytes = std::uint64_t{256} << 20;
  std::uint64_t memory_ratio = 96;
  std::size_t tensors = 100'000;
  std::size_t tensor_name_bytes = 512;
  // Bytes of all tensors, written out, as a multiple of the file's: views and tied weights count each time.
  std::uint64_t tensor_bytes_ratio = 8;
  std::size_t safetensors_header_bytes = std::size_t{32} << 20;
  // The file was read before and has not changed: the checksums of its uncompressed records are not computed
  // again, which would cost as much as reading all of it.
  bool checksums_verified = false;
};

}  // namespace fedlog::ml
