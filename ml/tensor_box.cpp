#include "ml/tensor_box.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace fedlog::ml {
namespace {

// Dimensions from the smallest stride to the largest; those of stride 0 repeat memory and come last.
std::vector<std::size_t> from_the_innermost(const Dimensions& strides) {
  std::vector<std::size_t> order(strides.size());
  for (std::size_t i = 0; i < order.size(); ++i) {
    order[i] = order.size() - 1 - i;
  }
  std::ranges::stable_sort(order, {},
                           [&](std::size_t i) { return static_cast<std::uint64_t>(strides[i]) - 1; });
  return order;
}

// Makes the box so large that it has runs of `length` elements along those dimensions, if they have them.
void grow(Dimensions& size, const Dimensions& shape, const std::vector<std::size_t>& order,
          std::int64_t length) {
  for (const std::size_t i : order) {
    size[i] = std::max(size[i], std::min(shape[i], std::max<std::int64_t>(length, 1)));
    length /= size[i];
  }
}

Dimensions box_size(const Dimensions& shape, std::span<const Dimensions> strides, std::uint64_t count_max) {
  std::set<std::vector<std::size_t>> orders;
  std::set<std::size_t> innermost;
  for (const Dimensions& each : strides) {
    const auto order = from_the_innermost(each);
    if (!order.empty() && innermost.insert(order.front()).second) {
      orders.insert(order);
    }
  }
  Dimensions size(shape.size(), 1);
  const auto share = std::pow(static_cast<double>(count_max), 1 / static_cast<double>(orders.size()));
  for (const auto& order : orders) {
    grow(size, shape, order, static_cast<std::int64_t>(share));
  }
  // What is left of the count goes to the row-major order.
  for (std::size_t i = shape.size(); i-- > 0;) {
    std::uint64_t others = 1;
    for (std::size_t j = 0; j < size.size(); ++j) {
      others *= j == i ? 1 : static_cast<std::uint64_t>(size[j]);
    }
    size[i] = std::max(size[i], std::min(shape[i], static_cast<std::int64_t>(count_max / others)));
  }
  return size;
}

}  // namespace

std::uint64_t row_length(const TensorBox& box, const Dimensions& shape) {
  std::uint64_t length = 1;
  for (std::size_t i = shape.size(); i-- > 0;) {
    length *= static_cast<std::uint64_t>(box.size[i]);
    if (box.size[i] != shape[i]) {
      break;
    }
  }
  return length;
}

std::uint64_t position_in(const TensorBox& box, const Dimensions& strides, std::uint64_t index) {
  std::uint64_t position = 0;
  for (std::size_t i = strides.size(); i-- > 0;) {
    const auto size = static_cast<std::uint64_t>(box.size[i]);
    position +=
        (static_cast<std::uint64_t>(box.begin[i]) + index % size) * static_cast<std::uint64_t>(strides[i]);
    index /= size;
  }
  return position;
}

std::vector<TensorBox> boxes_of(const Dimensions& shape, std::span<const Dimensions> strides,
                                std::uint64_t count_max) {
  const Dimensions size = box_size(shape, strides, count_max);
  std::vector<TensorBox> boxes;
  TensorBox box{.begin = Dimensions(shape.size(), 0), .size = size};
  for (bool more = true; more;) {
    for (std::size_t i = 0; i < shape.size(); ++i) {
      box.size[i] = std::min(size[i], shape[i] - box.begin[i]);
    }
    boxes.push_back(box);
    more = false;
    for (std::size_t i = shape.size(); i-- > 0 && !more;) {
      box.begin[i] += size[i];
      more = box.begin[i] < shape[i];
      box.begin[i] = more ? box.begin[i] : 0;
    }
  }
  return boxes;
}

}  // namespace fedlog::ml
