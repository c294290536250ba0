#include "ml/checksum.h"

#include <zlib.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace fedlog::ml {
namespace {

std::uint32_t crc32_of_zlib(Bytes bytes, std::uint32_t previous) {
  return static_cast<std::uint32_t>(
      crc32_z(previous, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

#if defined(__x86_64__)

// x^exponent modulo zip's polynomial, the bits reversed as in the CRC itself, in the place where a carry-less
// product of reversed numbers needs it (one to the left).
constexpr std::int64_t power_of_x(int exponent) {
  std::uint32_t power = 0x80000000U;
  for (int i = 0; i < exponent; ++i) {
    power = (power >> 1) ^ ((power & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return static_cast<std::int64_t>(power) << 1;
}

// Moves 128 bits of message `factors` further towards its end: an equivalent of them modulo the polynomial.
__attribute__((target("pclmul,sse4.1"))) inline __m128i fold(__m128i value, __m128i factors) {
  return _mm_xor_si128(_mm_clmulepi64_si128(value, factors, 0x00),
                       _mm_clmulepi64_si128(value, factors, 0x11));
}

// Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ" (Intel, 2009): the message is
// folded onto its last 16 bytes, whose CRC is then the message's. Here zlib computes that last one.
__attribute__((target("pclmul,sse4.1"))) std::uint32_t crc32_of_folded(Bytes bytes, std::uint32_t previous) {
  constexpr std::size_t lane_bytes = 16;
  constexpr std::size_t lanes = 4;
  const auto load = [](const std::byte* from) __attribute__((target("pclmul,sse4.1"))) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
  };
  const __m128i by_four_lanes = _mm_set_epi64x(power_of_x(4 * 128 - 32), power_of_x(4 * 128 + 32));
  const __m128i by_one_lane = _mm_set_epi64x(power_of_x(128 - 32), power_of_x(128 + 32));
  const std::byte* at = bytes.data();
  __m128i sums[lanes];
  for (std::size_t i = 0; i < lanes; ++i) {
    sums[i] = load(at + i * lane_bytes);
  }
  sums[0] = _mm_xor_si128(sums[0], _mm_cvtsi32_si128(static_cast<int>(~previous)));
  std::size_t rest = bytes.size() - lanes * lane_bytes;
  at += lanes * lane_bytes;
  for (; rest >= lanes * lane_bytes; rest -= lanes * lane_bytes, at += lanes * lane_bytes) {
    for (std::size_t i = 0; i < lanes; ++i) {
      sums[i] = _mm_xor_si128(fold(sums[i], by_four_lanes), load(at + i * lane_bytes));
    }
  }
  __m128i sum = sums[0];
  for (std::size_t i = 1; i < lanes; ++i) {
    sum = _mm_xor_si128(fold(sum, by_one_lane), sums[i]);
  }
  std::byte folded[lane_bytes];
  _mm_storeu_si128(reinterpret_cast<__m128i*>(folded), sum);
  // The start value is in the folded bytes already; this one cancels zlib's own.
  constexpr std::uint32_t no_start = 0xFFFFFFFFU;
  return crc32_of_zlib(bytes.last(rest), crc32_of_zlib(folded, no_start));
}

#endif

}  // namespace

std::uint32_t crc32_of(Bytes bytes, std::uint32_t previous) {
#if defined(__x86_64__)
  constexpr std::size_t worth_folding = 256;
  if (bytes.size() >= worth_folding && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1")) {
    return crc32_of_folded(bytes, previous);
  }
#endif
  return crc32_of_zlib(bytes, previous);
}

std::uint32_t crc32_of_both(std::uint32_t first, std::uint32_t second, std::uint64_t second_size_bytes) {
  return static_cast<std::uint32_t>(crc32_combine(first, second, static_cast<z_off_t>(second_size_bytes)));
}

}  // namespace fedlog::ml
