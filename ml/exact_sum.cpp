#include "ml/exact_sum.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace fedlog::ml {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr int fraction_bits = 52;
constexpr int precision_bits = fraction_bits + 1;
constexpr int smallest_exponent = -1074;
constexpr int limb_bits = 64;

}  // namespace

void ExactSum::add(double value, std::uint64_t weight) {
  if (!std::isfinite(value)) {
    special_ += value;
    has_special_ = true;
    return;
  }
  const auto bits = std::bit_cast<std::uint64_t>(value);
  only_negative_zeros_ = only_negative_zeros_ && bits == std::bit_cast<std::uint64_t>(-0.0);
  const auto exponent = static_cast<int>((bits >> fraction_bits) & 0x7FF);
  const std::uint64_t fraction = bits & ((std::uint64_t{1} << fraction_bits) - 1);
  const std::uint64_t magnitude = exponent == 0 ? fraction : fraction | (std::uint64_t{1} << fraction_bits);
  const int shift = exponent == 0 ? 0 : exponent - 1;
  const Wide product = static_cast<Wide>(magnitude) * weight;
  const int inside = shift % limb_bits;
  // Adding the complement and one more takes away.
  const bool negative = std::signbit(value);
  const Wide low = product << inside;
  const auto high = inside == 0 ? 0 : static_cast<std::uint64_t>(product >> (2 * limb_bits - inside));
  const std::uint64_t parts[] = {static_cast<std::uint64_t>(low),
                                 static_cast<std::uint64_t>(low >> limb_bits), high};
  std::uint64_t carry = negative ? 1 : 0;
  const auto first = static_cast<std::size_t>(shift / limb_bits);
  for (std::size_t i = first; i < limbs; ++i) {
    const std::uint64_t part = i - first < std::size(parts) ? parts[i - first] : 0;
    const Wide sum = static_cast<Wide>(sum_[i]) + (negative ? ~part : part) + carry;
    sum_[i] = static_cast<std::uint64_t>(sum);
    carry = static_cast<std::uint64_t>(sum >> limb_bits);
  }
}

void ExactSum::negate(Limbs& number) {
  bool carry = true;
  for (std::uint64_t& limb : number) {
    limb = ~limb + (carry ? 1 : 0);
    carry = carry && limb == 0;
  }
}

double ExactSum::mean(std::uint64_t total_weight) const {
  if (has_special_) {
    return std::isnan(special_) ? std::numeric_limits<double>::quiet_NaN() : special_;
  }
  Limbs number = sum_;
  const bool negative = number.back() >> (limb_bits - 1) != 0;
  if (negative) {
    negate(number);
  }
  std::uint64_t rest = 0;
  std::size_t top = 0;
  for (std::size_t i = limbs; i-- > 0;) {
    const Wide dividend = (static_cast<Wide>(rest) << limb_bits) | number[i];
    number[i] = static_cast<std::uint64_t>(dividend / total_weight);
    rest = static_cast<std::uint64_t>(dividend % total_weight);
    top = top == 0 && number[i] != 0 ? i : top;
  }
  // The quotient's first 53 bits, and what comes after them.
  const int length = static_cast<int>(top) * limb_bits + static_cast<int>(std::bit_width(number[top]));
  const int dropped = std::max(0, length - precision_bits);
  const auto bit = [&](int index) {
    return (number[static_cast<std::size_t>(index / limb_bits)] >> (index % limb_bits)) & 1U;
  };
  std::uint64_t kept = 0;
  for (int i = length; i-- > dropped;) {
    kept = kept << 1 | bit(i);
  }
  bool half = 2 * rest >= total_weight;
  bool more = half ? 2 * rest > total_weight : rest != 0;
  if (dropped > 0) {
    half = bit(dropped - 1) != 0;
    more = rest != 0;
    const auto half_limb = static_cast<std::size_t>((dropped - 1) / limb_bits);
    for (std::size_t i = 0; i < half_limb; ++i) {
      more = more || number[i] != 0;
    }
    const std::uint64_t below = (std::uint64_t{1} << ((dropped - 1) % limb_bits)) - 1;
    more = more || (number[half_limb] & below) != 0;
  }
  kept += half && (more || kept % 2 != 0) ? 1 : 0;
  const double magnitude = std::ldexp(static_cast<double>(kept), dropped + smallest_exponent);
  return negative || (kept == 0 && only_negative_zeros_) ? -magnitude : magnitude;
}

}  // namespace fedlog::ml
