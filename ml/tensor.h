#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace fedlog::ml {

// Element types of tensors. Stored in blobs' metadata and spoken with the model worker; never renumber.
enum class DType : std::uint8_t {
  float32 = 0,
  float64 = 1,
  float16 = 2,
  bfloat16 = 3,
  int64 = 4,
  int32 = 5,
  int16 = 6,
  int8 = 7,
  uint8 = 8,
  boolean = 9,
};

[[nodiscard]] std::size_t size_bytes(DType type);

// PyTorch's name without the prefix: "float32", "bool".
[[nodiscard]] std::string name(DType type);

// A dense tensor in memory: row-major, little-endian, `bytes.size() == product(shape) * size_bytes(dtype)`.
// A scalar has an empty shape.
struct Tensor {
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;
};

}  // namespace fedlog::ml
