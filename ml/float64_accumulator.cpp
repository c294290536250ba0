#include "ml/float64_accumulator.h"

#include <cmath>

#include "ml/vector_levels.h"

namespace fedlog::ml {
namespace {

struct Pair {
  double sum;
  double error;
};

// The rounded sum, and what rounding it took away (Knuth). Exact unless it overflows.
inline Pair two_sum(double a, double b) {
  const double sum = a + b;
  const double b_in_sum = sum - a;
  return {sum, (a - (sum - b_in_sum)) + (b - b_in_sum)};
}

// Weights are whole numbers, so everything here is a multiple of the smallest denormal, and nothing
// underflows; what overflows becomes NaN or infinite, which `divide` does not settle.
template <bool starts>
FEDLOG_VECTOR_LEVELS void add_products(const std::byte* __restrict elements, std::size_t count, double weight,
                                       double* __restrict high, double* __restrict low,
                                       double* __restrict lost) {
  for (std::size_t i = 0; i < count; ++i) {
    double value;
    __builtin_memcpy(&value, elements + i * sizeof value, sizeof value);
    const double product = value * weight;
    const double product_error = __builtin_fma(value, weight, -product);
    if constexpr (starts) {
      high[i] = product;
      low[i] = product_error;
      lost[i] = 0;
    } else {
      const Pair sum = two_sum(high[i], product);
      const Pair errors = two_sum(sum.error, product_error);
      const Pair lower = two_sum(low[i], errors.sum);
      high[i] = sum.sum;
      low[i] = lower.sum;
      lost[i] += __builtin_fabs(errors.error) + __builtin_fabs(lower.error);
    }
  }
}

// Writes the means, and to `open` 0 for those that are settled. The mean is quotient + rest / total, where
// rest is exact but for what is lost. If that is exact as well, the processor's addition rounds it rightly;
// otherwise if all that the mean can be is rounded to the same.
FEDLOG_VECTOR_LEVELS void divide(const double* __restrict high, const double* __restrict low,
                                 const double* __restrict lost, std::size_t count, double total,
                                 std::byte* __restrict out, double* __restrict open) {
  for (std::size_t i = 0; i < count; ++i) {
    const Pair split = two_sum(high[i], low[i]);
    const double sum = low[i] == 0 ? high[i] : split.sum;  // keeps negative zeros
    const double quotient = sum / total;
    const Pair rest = two_sum(__builtin_fma(-quotient, total, sum), split.error);
    const double more = rest.sum / total;
    const double mean = more == 0 ? quotient : quotient + more;
    const double unknown = __builtin_fabs(rest.error) + lost[i];
    const bool exact = (unknown == 0) & (__builtin_fma(-more, total, rest.sum) == 0);
    // Generous, for the roundings in this line and of `more` itself.
    const double margin = __builtin_fabs(more) * 0x1p-50 + unknown * (1 + 0x1p-30) / total + 0x1p-1073;
    const double least = quotient + (more - margin);
    const bool certain = (least == quotient + (more + margin)) & (least != 0);
    __builtin_memcpy(out + i * sizeof mean, &mean, sizeof mean);
    open[i] = exact | certain ? 0.0 : 1.0;
  }
}

}  // namespace

void Float64Accumulator::add(Part part, std::span<const Weighted> runs, bool starts) {
  if (high_.size() < part.begin + part.count) {
    for (auto* sums : {&high_, &low_, &lost_}) {
      sums->resize(part.begin + part.count);
    }
  }
  for (const Weighted& run : runs) {
    const auto add = starts ? add_products<true> : add_products<false>;
    add(run.elements, part.count, static_cast<double>(run.weight), high_.data() + part.begin,
        low_.data() + part.begin, lost_.data() + part.begin);
    starts = false;
  }
}

std::vector<std::size_t> Float64Accumulator::mean(Part part, std::uint64_t total_weight,
                                                  std::span<std::byte> out) {
  open_.resize(part.count);
  divide(high_.data() + part.begin, low_.data() + part.begin, lost_.data() + part.begin, part.count,
         static_cast<double>(total_weight), out.data(), open_.data());
  std::vector<std::size_t> unsettled;
  for (std::size_t i = 0; i < part.count; ++i) {
    if (open_[i] != 0) {
      unsettled.push_back(i);
    }
  }
  return unsettled;
}

}  // namespace fedlog::ml
