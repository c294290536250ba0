#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace fedlog::ml {

// Sizes or strides of a tensor's dimensions.
using Dimensions = std::vector<std::int64_t>;

// A block of a tensor: where it begins in each dimension, and how far it goes.
struct TensorBox {
  Dimensions begin;
  Dimensions size;
};

// The elements of a box that come one after the other in row-major order of the tensor; the box is rows of
// so many.
[[nodiscard]] std::uint64_t row_length(const TensorBox& box, const Dimensions& shape);

// Where the element of that row-major index in the box stands in memory with these strides, in elements.
[[nodiscard]] std::uint64_t position_in(const TensorBox& box, const Dimensions& strides, std::uint64_t index);

// Cuts a tensor without empty dimensions into boxes of at most `count_max` elements, such that memory of any
// of the given strides is read in pieces that are as long as possible.
[[nodiscard]] std::vector<TensorBox> boxes_of(const Dimensions& shape, std::span<const Dimensions> strides,
                                              std::uint64_t count_max);

}  // namespace fedlog::ml
