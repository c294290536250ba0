#pragma once

#include <array>
#include <cstdint>

namespace fedlog::ml {

// A sum of weighted doubles without any rounding, as a whole number of the smallest denormal. Slow.
class ExactSum {
 public:
  // Precondition: the weights sum to at most 2^53.
  void add(double value, std::uint64_t weight);
  // The sum divided by the weights' sum, rounded once: to nearest, ties to even. NaN and infinities as IEEE
  // 754 adds them; zeros have the sign that they all have, and cancelled sums are positive.
  [[nodiscard]] double mean(std::uint64_t total_weight) const;

 private:
  // 2^53 times the largest double, and the sign, in two's complement.
  static constexpr std::size_t limbs = 34;
  using Limbs = std::array<std::uint64_t, limbs>;

  static void negate(Limbs& number);

  Limbs sum_{};
  // The sum of what is not finite; -0 as long as there is only that.
  double special_ = -0.0;
  bool has_special_ = false;
  bool only_negative_zeros_ = true;
};

}  // namespace fedlog::ml
