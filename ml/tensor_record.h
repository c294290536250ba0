#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ml/byte_reader.h"
#include "ml/tensor.h"

namespace fedlog::ml {

// One storage: a run of elements in a file that tensors view.
struct StorageRecord {
  std::string key;
  DType dtype = DType::float32;
  std::uint64_t element_count = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t file_offset = 0;
  // Where the file holds the CRC-32 of the storage's bytes; empty in formats without.
  std::vector<std::uint64_t> crc_offsets;
};

// A tensor's view of its storage. Offset and strides are in elements. A checked one lies inside its storage.
struct TensorRecord {
  // As in PyTorch's state_dict: "1.weight". Empty for a file that holds a single tensor.
  std::string name;
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;
  std::size_t storage = 0;
  std::int64_t offset_elements = 0;
  // A parameter rather than a buffer. State dicts and safetensors do not tell: false.
  bool is_parameter = false;
  bool requires_grad = false;
};

// Product of the sizes; nothing if one is negative or the product exceeds 2^62.
[[nodiscard]] std::optional<std::uint64_t> element_count(const std::vector<std::int64_t>& shape);

// Row-major strides of a dense tensor.
[[nodiscard]] std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& shape);

// Whether the elements are adjacent and in row-major order (dimensions of size 1 do not count).
[[nodiscard]] bool is_contiguous(const TensorRecord& tensor);

// One more than the last element the tensor reaches in its storage; its offset if it has no elements. Nothing
// if that overflows, or if shape, strides or offset are impossible.
[[nodiscard]] std::optional<std::uint64_t> end_element(const TensorRecord& tensor);

// The tensor's elements in row-major order, out of the bytes of its storage. Precondition: end_element lies
// inside.
[[nodiscard]] std::vector<std::byte> contiguous_bytes(const TensorRecord& tensor, Bytes storage);

// The same into memory of that size.
void copy_elements(const TensorRecord& tensor, Bytes storage, std::byte* out);

// "float32 [32, 16, 3, 3]"
[[nodiscard]] std::string describe(DType dtype, const std::vector<std::int64_t>& shape);

// Walks the elements of a tensor in row-major order and tells where in the storage each stands.
class ElementWalk {
 public:
  explicit ElementWalk(const TensorRecord& tensor);

  [[nodiscard]] std::int64_t position() const { return position_; }
  void advance();
  // To the element of that row-major index.
  void seek(std::uint64_t index);

 private:
  const std::vector<std::int64_t>& shape_;
  const std::vector<std::int64_t>& strides_;
  std::int64_t start_;
  std::vector<std::int64_t> index_;
  std::int64_t position_;
};

}  // namespace fedlog::ml
