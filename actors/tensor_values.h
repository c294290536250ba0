#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "ml/tensor.h"

namespace fedlog::actors {

[[nodiscard]] bool is_floating_point(ml::DType type);

// The element at a row-major index below the tensor's number of elements. An int64 beyond 2^53 is rounded.
[[nodiscard]] double value_at(const ml::Tensor& tensor, std::size_t index);

// The product of the extents; 1 for a scalar.
[[nodiscard]] std::size_t element_count(std::span<const std::int64_t> shape);

// The product of the extents without the zeros, SIZE_MAX when it is more: there are no more numbers than
// that, nor lists of one depth, and no stride is larger, be the tensor empty.
[[nodiscard]] std::size_t volume_bound(std::span<const std::int64_t> shape);

// Numbers as a tensor: of float64 when `type` is, else of float32.
[[nodiscard]] ml::Tensor floating_tensor(ml::DType type, std::vector<std::int64_t> shape,
                                         std::span<const double> values);

}  // namespace fedlog::actors
