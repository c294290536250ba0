#include "ml/tensor_record.h"

#include <cstring>

namespace fedlog::ml {
namespace {

constexpr std::uint64_t element_limit = std::uint64_t{1} << 62;

}  // namespace

std::optional<std::uint64_t> element_count(const std::vector<std::int64_t>& shape) {
  bool empty = false;
  std::uint64_t count = 1;
  for (const std::int64_t size : shape) {
    if (size < 0) {
      return std::nullopt;
    }
    const auto factor = static_cast<std::uint64_t>(size);
    empty = empty || factor == 0;
    // Even a tensor without elements may not have impossible other sizes.
    if (factor != 0 && count > element_limit / factor) {
      return std::nullopt;
    }
    count *= factor == 0 ? 1 : factor;
  }
  return empty ? 0 : count;
}

std::vector<std::int64_t> contiguous_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) {
    strides[i - 1] = strides[i] * (shape[i] == 0 ? 1 : shape[i]);
  }
  return strides;
}

bool is_contiguous(const TensorRecord& tensor) {
  std::int64_t expected = 1;
  for (std::size_t i = tensor.shape.size(); i-- > 0;) {
    if (tensor.shape[i] == 0) {
      return true;
    }
    if (tensor.shape[i] == 1) {
      continue;
    }
    if (tensor.strides[i] != expected) {
      return false;
    }
    expected *= tensor.shape[i];
  }
  return true;
}

std::optional<std::uint64_t> end_element(const TensorRecord& tensor) {
  if (tensor.shape.size() != tensor.strides.size() || tensor.offset_elements < 0) {
    return std::nullopt;
  }
  const auto count = element_count(tensor.shape);
  if (!count) {
    return std::nullopt;
  }
  const auto start = static_cast<std::uint64_t>(tensor.offset_elements);
  std::uint64_t last = start;
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
    if (tensor.strides[i] < 0) {
      return std::nullopt;
    }
    if (*count == 0 || tensor.shape[i] <= 1) {
      continue;
    }
    std::uint64_t reach = 0;
    if (__builtin_mul_overflow(static_cast<std::uint64_t>(tensor.shape[i] - 1),
                               static_cast<std::uint64_t>(tensor.strides[i]), &reach) ||
        __builtin_add_overflow(last, reach, &last) || last >= element_limit) {
      return std::nullopt;
    }
  }
  return *count == 0 ? start : last + 1;
}

std::vector<std::byte> contiguous_bytes(const TensorRecord& tensor, Bytes storage) {
  const std::size_t width = size_bytes(tensor.dtype);
  const std::uint64_t count = element_count(tensor.shape).value();
  std::vector<std::byte> out(count * width);
  if (count == 0) {
    return out;
  }
  if (is_contiguous(tensor)) {
    std::memcpy(out.data(), storage.data() + static_cast<std::uint64_t>(tensor.offset_elements) * width,
                out.size());
    return out;
  }
  ElementWalk walk(tensor);
  for (std::uint64_t i = 0; i < count; ++i, walk.advance()) {
    std::memcpy(out.data() + i * width, storage.data() + static_cast<std::uint64_t>(walk.position()) * width,
                width);
  }
  return out;
}

std::string describe(DType dtype, const std::vector<std::int64_t>& shape) {
  std::string out = name(dtype) + " [";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    out += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return out + "]";
}

ElementWalk::ElementWalk(const TensorRecord& tensor)
    : shape_(tensor.shape),
      strides_(tensor.strides),
      start_(tensor.offset_elements),
      index_(tensor.shape.size(), 0),
      position_(tensor.offset_elements) {}

void ElementWalk::advance() {
  for (std::size_t i = shape_.size(); i-- > 0;) {
    position_ += strides_[i];
    if (++index_[i] < shape_[i]) {
      return;
    }
    position_ -= strides_[i] * shape_[i];
    index_[i] = 0;
  }
}

void ElementWalk::seek(std::uint64_t index) {
  position_ = start_;
  for (std::size_t i = shape_.size(); i-- > 0;) {
    const auto size = static_cast<std::uint64_t>(shape_[i]);
    index_[i] = static_cast<std::int64_t>(index % size);
    position_ += index_[i] * strides_[i];
    index /= size;
  }
}

}  // namespace fedlog::ml
