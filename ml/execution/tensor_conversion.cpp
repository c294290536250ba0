#include "ml/execution/tensor_conversion.h"

#include <cstring>
#include <optional>

namespace fedlog::ml {
namespace {

at::ScalarType scalar_type(DType type) {
  switch (type) {
    case DType::float32:
      return at::kFloat;
    case DType::float64:
      return at::kDouble;
    case DType::float16:
      return at::kHalf;
    case DType::bfloat16:
      return at::kBFloat16;
    case DType::int64:
      return at::kLong;
    case DType::int32:
      return at::kInt;
    case DType::int16:
      return at::kShort;
    case DType::int8:
      return at::kChar;
    case DType::uint8:
      return at::kByte;
    case DType::boolean:
      return at::kBool;
  }
  return at::kFloat;
}

std::optional<DType> element_type(at::ScalarType type) {
  for (int number = 0; number <= static_cast<int>(DType::boolean); ++number) {
    const auto candidate = static_cast<DType>(number);
    if (scalar_type(candidate) == type) return candidate;
  }
  return std::nullopt;
}

}  // namespace

at::Tensor to_torch(const Tensor& tensor) {
  auto result = at::empty(tensor.shape, scalar_type(tensor.dtype));
  if (!tensor.bytes.empty()) std::memcpy(result.data_ptr(), tensor.bytes.data(), tensor.bytes.size());
  return result;
}

std::expected<Tensor, std::string> from_torch(const at::Tensor& tensor) {
  if (!tensor.defined()) return std::unexpected("an undefined tensor");
  const auto type = element_type(tensor.scalar_type());
  if (!type) return std::unexpected(std::string("a tensor of type ") + at::toString(tensor.scalar_type()));
  if (tensor.layout() != at::kStrided) return std::unexpected("a tensor that is not dense");
  const auto dense = tensor.contiguous();
  Tensor result{.dtype = *type, .shape = dense.sizes().vec(), .bytes = {}};
  const auto* begin = static_cast<const std::byte*>(dense.data_ptr());
  result.bytes.assign(begin, begin + dense.nbytes());
  return result;
}

}  // namespace fedlog::ml
