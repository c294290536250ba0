#include "ml/mean_accumulator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <utility>
#include <vector>

#include "ml/small_floats.h"

namespace fedlog::ml {
namespace {

template <typename Element>
Element mean_of(DType dtype, const std::vector<std::pair<Element, std::uint64_t>>& inputs) {
  const auto accumulator = MeanAccumulator::make(dtype);
  bool starts = true;
  std::uint64_t total = 0;
  for (const auto& [value, weight] : inputs) {
    const MeanAccumulator::Weighted run{std::as_bytes(std::span(&value, 1)).data(), weight};
    accumulator->add({0, 1}, {&run, 1}, std::exchange(starts, false));
    total += weight;
  }
  Element out{};
  EXPECT_TRUE(accumulator->mean({0, 1}, total, std::as_writable_bytes(std::span(&out, 1))).empty());
  return out;
}

TEST(SmallFloats, EveryFloat16SurvivesBothWays) {
  for (std::uint32_t bits = 0; bits <= 0xFFFF; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = float16_to_float(half);
    if ((half & 0x7C00) == 0x7C00 && (half & 0x3FF) != 0) {
      EXPECT_TRUE(std::isnan(value));
      EXPECT_TRUE(std::isnan(float16_to_float(to_float16(value))));
      continue;
    }
    EXPECT_EQ(to_float16(value), half);
    const double fraction = (half & 0x3FF) / 1024.0;
    const int exponent = (half >> 10) & 31;
    const double magnitude = exponent == 31  ? std::numeric_limits<double>::infinity()
                             : exponent == 0 ? std::ldexp(fraction, -14)
                                             : std::ldexp(1 + fraction, exponent - 15);
    EXPECT_EQ(value, (half & 0x8000) != 0 ? -magnitude : magnitude);
  }
}

TEST(SmallFloats, RoundToNearestAndTiesToEven) {
  for (std::uint16_t half = 0; half < 0x7BFF; ++half) {
    const double low = float16_to_float(half);
    const double high = float16_to_float(half + 1);
    const double middle = (low + high) / 2;
    EXPECT_EQ(to_float16(middle), half % 2 == 0 ? half : half + 1);
    // One double away from the tie, which a rounding by way of float would not see.
    EXPECT_EQ(to_float16(std::nextafter(middle, high)), half + 1);
    EXPECT_EQ(to_float16(std::nextafter(middle, low)), half);
    EXPECT_EQ(to_float16(-std::nextafter(middle, high)), 0x8000 | (half + 1));
  }
  for (std::uint16_t value = 0; value < 0x7F7F; ++value) {
    const double middle = (static_cast<double>(bfloat16_to_float(value)) + bfloat16_to_float(value + 1)) / 2;
    EXPECT_EQ(to_bfloat16(middle), value % 2 == 0 ? value : value + 1);
    EXPECT_EQ(to_bfloat16(std::nextafter(middle, 1e300)), value + 1);
    EXPECT_EQ(to_bfloat16(std::nextafter(middle, 0.0)), value);
  }
}

TEST(SmallFloats, OverflowToInfinityAndKeepNaN) {
  EXPECT_EQ(to_float16(65519.99), 0x7BFF);
  EXPECT_EQ(to_float16(65520.0), 0x7C00);
  EXPECT_EQ(to_float16(-1e300), 0xFC00);
  EXPECT_TRUE(std::isnan(bfloat16_to_float(to_bfloat16(std::nan("")))));
  EXPECT_EQ(to_bfloat16(std::numeric_limits<double>::infinity()), 0x7F80);
}

TEST(MeanAccumulator, DoesNotOverflowWhereTheMeanDoesNot) {
  const float large = 3.4e38F;
  EXPECT_EQ(mean_of<float>(DType::float32, {{large, 1'000'000}, {large, 5}}), large);
  EXPECT_EQ(mean_of<std::uint16_t>(DType::float16, {{0x7BFF, 1000}, {0x7BFF, 3}}), 0x7BFF);
}

TEST(MeanAccumulator, KeepsDenormalsAndNegativeZeros) {
  const float tiny = 1e-42F;
  EXPECT_EQ(mean_of<float>(DType::float32, {{tiny, 3}, {tiny, 10}}), tiny);
  EXPECT_TRUE(std::signbit(mean_of<float>(DType::float32, {{-0.0F, 3}, {-0.0F, 10}})));
}

TEST(MeanAccumulator, LosesNothingOfASmallTermBesideALargeOne) {
  // In float32 the ones would vanish beside 2^24.
  EXPECT_EQ(mean_of<float>(DType::float32, {{16777216.0F, 1}, {1.0F, 1}, {1.0F, 1}, {-16777216.0F, 1}}),
            0.5F);
}

TEST(MeanAccumulator, KeepsTheSumsOfPartsApart) {
  const std::vector<float> values{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  const auto* elements = std::as_bytes(std::span(values)).data();
  const MeanAccumulator::Weighted runs[] = {{elements, 1},      {elements + 4, 1},  {elements + 8, 2},
                                            {elements + 12, 1}, {elements + 16, 1}, {elements + 20, 2}};
  const auto accumulator = MeanAccumulator::make(DType::float32);
  accumulator->add({100, 5}, runs, true);
  accumulator->add({0, 5}, std::span(runs).first(1), true);
  accumulator->add({100, 5}, std::span(runs).first(2), false);
  std::vector<float> means(5);
  const auto out = std::as_writable_bytes(std::span(means));
  EXPECT_TRUE(accumulator->mean({100, 5}, 10, out).empty());
  const std::vector<float> sums{33, 43, 53, 63, 73};
  for (std::size_t i = 0; i < sums.size(); ++i) EXPECT_EQ(means[i], sums[i] / 10);
  EXPECT_TRUE(accumulator->mean({0, 5}, 1, out).empty());
  EXPECT_EQ(means, std::vector<float>(values.begin(), values.begin() + 5)) << "what starts forgets the rest";
}

TEST(MeanAccumulator, RoundsIntegersHalfToEven) {
  const auto mean = [](std::int64_t a, std::int64_t b) {
    return mean_of<std::int64_t>(DType::int64, {{a, 1}, {b, 1}});
  };
  EXPECT_EQ(mean(0, 1), 0);
  EXPECT_EQ(mean(1, 2), 2);
  EXPECT_EQ(mean(-1, 0), 0);
  EXPECT_EQ(mean(-1, -2), -2);
  EXPECT_EQ(mean(-3, -2), -2);
  EXPECT_EQ(mean_of<std::uint8_t>(DType::uint8, {{255, 1000}, {254, 1}}), 255);
  const auto largest = std::numeric_limits<std::int64_t>::max();
  const auto smallest = std::numeric_limits<std::int64_t>::min();
  EXPECT_EQ(mean_of<std::int64_t>(DType::int64, {{largest, std::uint64_t{1} << 52}, {largest, 5}}), largest);
  EXPECT_EQ(mean_of<std::int64_t>(DType::int64, {{smallest, std::uint64_t{1} << 52}, {smallest, 5}}),
            smallest);
}

TEST(MeanAccumulator, HasNoMeanOfBooleans) {
  EXPECT_EQ(MeanAccumulator::make(DType::boolean), nullptr);
}

}  // namespace
}  // namespace fedlog::ml
