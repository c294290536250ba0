#include "ml/tensor_record.h"

#include <cstring>

namespace fedlog::ml {
namespace {

constexpr std::uint64_t element_limit = std::uint64_t{1} << 62;

template <std::size_t width>
void copy_spread(const std::byte* from, std::uint64_t count, std::uint64_t stride, std::byte* out) {
  for (std::uint64_t i = 0; i < count; ++i) {
    std::memcpy(out + i * width, from + i * stride * width, width);
  }
}

void copy_row(const std::byte* from, std::uint64_t count, std::uint64_t stride, std::size_t width,
              std::byte* out) {
  if (stride == 1) {
    std::memcpy(out, from, count * width);
    return;
  }
  switch (width) {
    case 1:
      return copy_spread<1>(from, count, stride, out);
    case 2:
      return copy_spread<2>(from, count, stride, out);
    case 4:
      return copy_spread<4>(from, count, stride, out);
    default:
      return copy_spread<8>(from, count, stride, out);
  }
}

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
  std::vector<std::byte> out(element_count(tensor.shape).value() * size_bytes(tensor.dtype));
  copy_elements(tensor, storage, out.data());
  return out;
}

void copy_elements(const TensorRecord& tensor, Bytes storage, std::byte* out) {
  const std::size_t width = size_bytes(tensor.dtype);
  const std::uint64_t count = element_count(tensor.shape).value();
  if (count == 0) {
    return;
  }
  const std::byte* start = storage.data();
  if (is_contiguous(tensor)) {
    std::memcpy(out, start + static_cast<std::uint64_t>(tensor.offset_elements) * width, count * width);
    return;
  }
  // Row by row: the last dimension that is one has its own loop. A tensor that is not contiguous has one.
  TensorRecord rows = tensor;
  while (rows.shape.back() == 1) {
    rows.shape.pop_back();
    rows.strides.pop_back();
  }
  const auto length = static_cast<std::uint64_t>(rows.shape.back());
  const auto stride = static_cast<std::uint64_t>(rows.strides.back());
  rows.shape.pop_back();
  rows.strides.pop_back();
  ElementWalk walk(rows);
  for (std::uint64_t i = 0; i < count; i += length, walk.advance()) {
    copy_row(start + static_cast<std::uint64_t>(walk.position()) * width, length, stride, width,
             out + i * width);
  }
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
    if (++index_[i] < shape_[i]) {
      position_ += strides_[i];
      return;
    }
    position_ -= strides_[i] * (shape_[i] - 1);
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
