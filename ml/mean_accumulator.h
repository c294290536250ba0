#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "ml/byte_reader.h"
#include "ml/tensor.h"

namespace fedlog::ml {

// Weighted sums of a run of elements of one type, as long as `capacity`. Floats of up to 32 bits are summed
// in double, float64 in long double (x87's 80 bits: no overflow, eleven bits more), integers in 128 bits; the
// mean is one division, rounded once to nearest, ties to even. Each element's operations come in the order of
// the calls to add, whatever the run's length, so the same calls give the same bits. Not thread-safe.
class MeanAccumulator {
 public:
  // Null for bool, which has no mean.
  [[nodiscard]] static std::unique_ptr<MeanAccumulator> make(DType dtype, std::size_t capacity);
  virtual ~MeanAccumulator() = default;

  // Forgets the sums and begins a run of `count` elements, at most the capacity.
  virtual void start(std::size_t count) = 0;
  // A run's elements, at any address, and what they count for.
  struct Weighted {
    const std::byte* elements = nullptr;
    std::uint64_t weight = 0;
  };
  // Adds weight times each of the elements of one run after the other. Precondition: weights sum to at most
  // 2^53.
  virtual void add(std::span<const Weighted> runs) = 0;
  // Writes sum / total_weight in the elements' type. Precondition: total_weight > 0.
  virtual void mean(std::uint64_t total_weight, std::span<std::byte> out) = 0;
};

}  // namespace fedlog::ml
