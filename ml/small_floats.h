#pragma once

#include <bit>
#include <cstdint>

namespace fedlog::ml {

// Conversions of the 16-bit formats: IEEE 754 binary16 and bfloat16 (the upper half of a binary32). Widening
// is exact; narrowing rounds once, to nearest, ties to even, straight from the double. Free of branches that
// stop vectorizing.

[[nodiscard]] inline float float16_to_float(std::uint16_t half) {
  const std::uint32_t magnitude = half & 0x7FFFU;
  // The exponent is moved by a multiplication, which also makes denormals right.
  const float scaled = std::bit_cast<float>(magnitude << 13) * 0x1p112F;
  const std::uint32_t special = magnitude >= 0x7C00U ? 0x7F800000U : 0U;
  const std::uint32_t sign = static_cast<std::uint32_t>(half & 0x8000U) << 16;
  return std::bit_cast<float>(std::bit_cast<std::uint32_t>(scaled) | special | sign);
}

[[nodiscard]] inline float bfloat16_to_float(std::uint16_t value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}

// The float next to `value` towards zero, its last bit set if that is not exact: rounding this further gives
// what rounding `value` itself would ("round to odd").
[[nodiscard]] inline float round_to_odd(double value) {
  const auto nearest = static_cast<float>(value);
  const auto back = static_cast<double>(nearest);
  auto bits = std::bit_cast<std::uint32_t>(nearest);
  const double magnitude = value < 0 ? -value : value;
  const double back_magnitude = back < 0 ? -back : back;
  bits -= back_magnitude > magnitude ? 1U : 0U;
  bits |= back != value && value == value ? 1U : 0U;
  return std::bit_cast<float>(bits);
}

[[nodiscard]] inline std::uint16_t to_bfloat16(double value) {
  const auto bits = std::bit_cast<std::uint32_t>(round_to_odd(value));
  if (value != value) {
    return 0x7FC0;
  }
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16) & 1U)) >> 16);
}

[[nodiscard]] inline std::uint16_t to_float16(double value) {
  const auto bits = std::bit_cast<std::uint32_t>(round_to_odd(value));
  const auto sign = static_cast<std::uint16_t>((bits >> 16) & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  if (magnitude > 0x7F800000U) {
    return 0x7E00;
  }
  constexpr std::uint32_t overflow = 0x477FF000;  // 65520, half-way from the largest binary16 to 2^16
  constexpr std::uint32_t smallest_normal = 0x38800000;
  std::uint32_t half = 0;
  if (magnitude >= overflow) {
    half = 0x7C00;
  } else if (magnitude >= smallest_normal) {
    half = (magnitude + 0xFFFU + ((magnitude >> 13) & 1U) - (112U << 23)) >> 13;
  } else {
    // The last place of numbers in [0.5, 1) is that of binary16's denormals, so the addition rounds.
    half = std::bit_cast<std::uint32_t>(std::bit_cast<float>(magnitude) + 0.5F) - 0x3F000000U;
  }
  return static_cast<std::uint16_t>(sign | half);
}

}  // namespace fedlog::ml
