#include "actors/prediction.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

namespace fedlog::actors {
namespace {

template <class T>
T load(const ml::Tensor& tensor, std::size_t index) {
  T value;
  std::memcpy(&value, tensor.bytes.data() + index * sizeof(T), sizeof value);
  return value;
}

// IEEE 754 binary16.
double from_half(std::uint16_t bits) {
  const int exponent = bits >> 10 & 31;
  const double fraction = bits & 1023;
  const double sign = bits >> 15 != 0 ? -1.0 : 1.0;
  if (exponent == 31) return fraction == 0 ? sign * std::numeric_limits<double>::infinity() : std::nan("");
  if (exponent == 0) return sign * std::ldexp(fraction, -24);
  return sign * std::ldexp(1024 + fraction, exponent - 25);
}

double real(const ml::Tensor& tensor, std::size_t index) {
  switch (tensor.dtype) {
    case ml::DType::float32:
      return load<float>(tensor, index);
    case ml::DType::float64:
      return load<double>(tensor, index);
    case ml::DType::float16:
      return from_half(load<std::uint16_t>(tensor, index));
    case ml::DType::bfloat16:
      return std::bit_cast<float>(static_cast<std::uint32_t>(load<std::uint16_t>(tensor, index)) << 16);
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

nlohmann::json element(const ml::Tensor& tensor, std::size_t index) {
  if (tensor.dtype == ml::DType::boolean) return load<std::uint8_t>(tensor, index) != 0;
  if (tensor.dtype == ml::DType::int64) return load<std::int64_t>(tensor, index);
  const auto value = real(tensor, index);
  if (!std::isfinite(value)) return nullptr;
  const bool floating = tensor.dtype == ml::DType::float32 || tensor.dtype == ml::DType::float64 ||
                        tensor.dtype == ml::DType::float16 || tensor.dtype == ml::DType::bfloat16;
  return floating ? nlohmann::json(value) : nlohmann::json(static_cast<std::int64_t>(value));
}

nlohmann::json lists(const ml::Tensor& tensor, std::size_t depth, std::size_t& next) {
  if (depth == tensor.shape.size()) return element(tensor, next++);
  auto list = nlohmann::json::array();
  for (std::int64_t index = 0; index < tensor.shape[depth]; ++index)
    list.push_back(lists(tensor, depth + 1, next));
  return list;
}

}  // namespace

nlohmann::json to_lists(const ml::Tensor& tensor) {
  std::size_t next = 0;
  return lists(tensor, 0, next);
}

std::expected<ml::Tensor, std::string> argmax_over_classes(const ml::Tensor& outputs) {
  if (outputs.shape.size() < 2 || outputs.shape[1] == 0) {
    return std::unexpected(
        "The model's output has no dimension 1 of classes to choose from; it must have the shape [batch, "
        "classes, ...].");
  }
  const auto batch = static_cast<std::size_t>(outputs.shape[0]);
  const auto classes = static_cast<std::size_t>(outputs.shape[1]);
  std::size_t inner = 1;
  ml::Tensor result{.dtype = ml::DType::int64, .shape = {outputs.shape[0]}, .bytes = {}};
  for (std::size_t dimension = 2; dimension < outputs.shape.size(); ++dimension) {
    inner *= static_cast<std::size_t>(outputs.shape[dimension]);
    result.shape.push_back(outputs.shape[dimension]);
  }
  std::vector<std::int64_t> best(batch * inner);
  for (std::size_t row = 0; row < batch; ++row) {
    for (std::size_t column = 0; column < inner; ++column) {
      std::size_t winner = 0;
      double highest = real(outputs, row * classes * inner + column);
      for (std::size_t index = 1; index < classes && !std::isnan(highest); ++index) {
        const double value = real(outputs, (row * classes + index) * inner + column);
        if (value > highest || std::isnan(value)) {
          highest = value;
          winner = index;
        }
      }
      best[row * inner + column] = static_cast<std::int64_t>(winner);
    }
  }
  result.bytes.resize(best.size() * sizeof(std::int64_t));
  if (!best.empty()) std::memcpy(result.bytes.data(), best.data(), result.bytes.size());
  return result;
}

}  // namespace fedlog::actors
