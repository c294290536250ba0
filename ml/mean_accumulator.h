#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ml/byte_reader.h"
#include "ml/tensor.h"

namespace fedlog::ml {

// Weighted sums of elements of one type, and their means. Floats of up to 32 bits are summed in double, and
// the mean is one division, rounded to nearest, ties to even. Means of float64 and of integers are exact
// until they are rounded once in that way. Each element's operations come in the order of the calls to add,
// so the same calls give the same bits. Not thread-safe.
class MeanAccumulator {
 public:
  // Null for bool, which has no mean.
  [[nodiscard]] static std::unique_ptr<MeanAccumulator> make(DType dtype);
  virtual ~MeanAccumulator() = default;

  // The sums of the elements from `begin` on, `count` of them.
  struct Part {
    std::size_t begin = 0;
    std::size_t count = 0;
  };
  // As many elements, at any address, and what they count for.
  struct Weighted {
    const std::byte* elements = nullptr;
    std::uint64_t weight = 0;
  };
  // Adds weight times each of the elements of one run after the other; if `starts`, to nothing. Precondition:
  // weights sum to at most 2^53.
  virtual void add(Part part, std::span<const Weighted> runs, bool starts) = 0;
  // Writes sum / total_weight in the elements' type. Forgets the sums. What it answers are the indexes (from
  // `begin` on) of the few float64 elements that an ExactSum has to settle, because they overflow or lie too
  // close to the middle between two results. Precondition: total_weight > 0, the sum of the weights.
  [[nodiscard]] virtual std::vector<std::size_t> mean(Part part, std::uint64_t total_weight,
                                                      std::span<std::byte> out) = 0;
};

}  // namespace fedlog::ml
