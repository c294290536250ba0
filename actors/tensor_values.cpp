#include "actors/tensor_values.h"

#include <cstring>

#include "ml/small_floats.h"

namespace fedlog::actors {
namespace {

template <class T>
T load(const ml::Tensor& tensor, std::size_t index) {
  T value;
  std::memcpy(&value, tensor.bytes.data() + index * sizeof(T), sizeof value);
  return value;
}

template <class T>
void store(ml::Tensor& tensor, std::span<const double> values) {
  tensor.bytes.resize(values.size() * sizeof(T));
  for (std::size_t index = 0; index < values.size(); ++index) {
    const auto value = static_cast<T>(values[index]);
    std::memcpy(tensor.bytes.data() + index * sizeof(T), &value, sizeof value);
  }
}

}  // namespace

bool is_floating_point(ml::DType type) {
  return type == ml::DType::float32 || type == ml::DType::float64 || type == ml::DType::float16 ||
         type == ml::DType::bfloat16;
}

double value_at(const ml::Tensor& tensor, std::size_t index) {
  switch (tensor.dtype) {
    case ml::DType::float32:
      return load<float>(tensor, index);
    case ml::DType::float64:
      return load<double>(tensor, index);
    case ml::DType::float16:
      return ml::float16_to_float(load<std::uint16_t>(tensor, index));
    case ml::DType::bfloat16:
      return ml::bfloat16_to_float(load<std::uint16_t>(tensor, index));
    case ml::DType::int64:
      return static_cast<double>(load<std::int64_t>(tensor, index));
    case ml::DType::int32:
      return load<std::int32_t>(tensor, index);
    case ml::DType::int16:
      return load<std::int16_t>(tensor, index);
    case ml::DType::int8:
      return load<std::int8_t>(tensor, index);
    case ml::DType::uint8:
    case ml::DType::boolean:
      return load<std::uint8_t>(tensor, index);
  }
  return 0;
}

std::size_t element_count(std::span<const std::int64_t> shape) {
  std::size_t count = 1;
  for (const auto extent : shape) count *= static_cast<std::size_t>(extent);
  return count;
}

std::size_t volume_bound(std::span<const std::int64_t> shape) {
  std::size_t bound = 1;
  for (const auto extent : shape) {
    if (extent == 0) continue;
    if (__builtin_mul_overflow(bound, static_cast<std::size_t>(extent), &bound)) return SIZE_MAX;
  }
  return bound;
}

ml::Tensor floating_tensor(ml::DType type, std::vector<std::int64_t> shape, std::span<const double> values) {
  ml::Tensor tensor{.dtype = type == ml::DType::float64 ? type : ml::DType::float32,
                    .shape = std::move(shape),
                    .bytes = {}};
  if (tensor.dtype == ml::DType::float64) {
    store<double>(tensor, values);
  } else {
    store<float>(tensor, values);
  }
  return tensor;
}

}  // namespace fedlog::actors
