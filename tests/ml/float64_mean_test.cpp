#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include "ml/exact_sum.h"
#include "ml/mean_accumulator.h"

namespace fedlog::ml {
namespace {

using Terms = std::vector<std::pair<double, std::uint64_t>>;

constexpr double largest = std::numeric_limits<double>::max();
constexpr double tiniest = std::numeric_limits<double>::denorm_min();
constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double step = std::numeric_limits<double>::epsilon();
constexpr std::uint64_t two_to_52 = std::uint64_t{1} << 52;

double exact_mean(const Terms& terms) {
  ExactSum sum;
  std::uint64_t total = 0;
  for (const auto& [value, weight] : terms) {
    sum.add(value, weight);
    total += weight;
  }
  return sum.mean(total);
}

struct Quick {
  double mean;
  bool settled;
};

Quick quick_mean(const Terms& terms) {
  const auto accumulator = MeanAccumulator::make(DType::float64);
  std::vector<MeanAccumulator::Weighted> runs;
  std::uint64_t total = 0;
  for (const auto& [value, weight] : terms) {
    runs.push_back({std::as_bytes(std::span(&value, 1)).data(), weight});
    total += weight;
  }
  accumulator->add({0, 1}, runs, true);
  Quick quick{};
  quick.settled = accumulator->mean({0, 1}, total, std::as_writable_bytes(std::span(&quick.mean, 1))).empty();
  return quick;
}

std::uint64_t bits_of(double value) {
  return std::bit_cast<std::uint64_t>(value);
}

TEST(ExactSum, RoundsOnceToNearestAndTiesToEven) {
  EXPECT_EQ(exact_mean({{1, 1}, {1 + step, 1}}), 1);
  EXPECT_EQ(exact_mean({{1 + step, 1}, {1 + 2 * step, 1}}), 1 + 2 * step);
  EXPECT_EQ(exact_mean({{-1 - step, 1}, {-1 - 2 * step, 1}}), -1 - 2 * step);
  // A tie, and a trace more or less than it.
  const auto tie_and = [](double trace) { return exact_mean({{2, 1}, {2 + 2 * step, 1}, {trace, 2}}); };
  EXPECT_EQ(tie_and(0), 1);
  EXPECT_EQ(tie_and(tiniest), 1 + step);
  EXPECT_EQ(tie_and(-tiniest), 1);
  EXPECT_EQ(exact_mean({{2 + 2 * step, 1}, {2 + 4 * step, 1}, {-tiniest, 2}}), 1 + step);
}

TEST(ExactSum, KeepsSmallTermsBesideLargeOnes) {
  EXPECT_EQ(exact_mean({{1e300, 7}, {1e-300, 7}, {-1e300, 7}}), 1e-300 / 3);
  EXPECT_EQ(exact_mean({{largest, two_to_52 - 1}, {tiniest, 1}, {-largest, two_to_52 - 1}}), 0);
}

TEST(ExactSum, NeitherOverflowsNorUnderflows) {
  EXPECT_EQ(exact_mean({{largest, two_to_52}, {largest, two_to_52}}), largest);
  EXPECT_EQ(exact_mean({{-largest, two_to_52}, {-largest, two_to_52}}), -largest);
  EXPECT_EQ(exact_mean({{tiniest, two_to_52}, {tiniest, two_to_52}}), tiniest);
  EXPECT_EQ(exact_mean({{tiniest, 1}, {0, 1}}), 0) << "a tie between 0 and the smallest denormal";
  EXPECT_EQ(exact_mean({{tiniest, 3}, {0, 1}}), tiniest);
}

TEST(ExactSum, HasTheSignsAndSpecialsOfTheStandard) {
  EXPECT_EQ(bits_of(exact_mean({{-0.0, 1}, {-0.0, 5}})), bits_of(-0.0));
  EXPECT_EQ(bits_of(exact_mean({{-0.0, 1}, {0.0, 5}})), bits_of(0.0));
  EXPECT_EQ(bits_of(exact_mean({{-2.5, 2}, {1, 5}})), bits_of(0.0));
  EXPECT_EQ(bits_of(exact_mean({{-tiniest, 1}, {0, 9}})), bits_of(-0.0));
  EXPECT_EQ(exact_mean({{infinity, 1}, {-largest, 5}}), infinity);
  EXPECT_TRUE(std::isnan(exact_mean({{infinity, 1}, {-infinity, 5}})));
  EXPECT_TRUE(std::isnan(exact_mean({{std::nan(""), 1}, {1, 5}})));
}

// Of whole numbers below 2^53, whose mean 128 bits hold.
TEST(ExactSum, AgreesWithIntegerArithmetic) {
  __extension__ using Wide = __int128;
  std::mt19937_64 random(1);
  for (int round = 0; round < 5'000; ++round) {
    Terms terms;
    Wide sum = 0;
    std::uint64_t total = 0;
    for (std::uint64_t i = 0; i < 1 + random() % 6; ++i) {
      const auto value =
          static_cast<std::int64_t>(random() >> (11 + random() % 50)) * (random() % 2 == 0 ? 1 : -1);
      const std::uint64_t weight = 1 + (random() >> (15 + random() % 48));
      terms.emplace_back(static_cast<double>(value), weight);
      sum += static_cast<Wide>(value) * static_cast<Wide>(weight);
      total += weight;
    }
    const double mean = exact_mean(terms);
    // The distance to the mean, times 2^k total, against that of the neighbours.
    const auto error = [&](double candidate) {
      const long double whole = std::floor(static_cast<long double>(candidate));
      const auto rest = static_cast<long double>(sum - static_cast<Wide>(whole) * static_cast<Wide>(total));
      return std::fabs(rest - (candidate - whole) * static_cast<long double>(total));
    };
    EXPECT_LE(error(mean), error(std::nextafter(mean, infinity)));
    EXPECT_LE(error(mean), error(std::nextafter(mean, -infinity)));
  }
}

TEST(Float64Mean, IsTheExactOneWhereItSaysSo) {
  std::mt19937_64 random(2);
  int unsettled = 0;
  constexpr int rounds = 40'000;
  for (int round = 0; round < rounds; ++round) {
    Terms terms;
    const int spread = std::vector{0, 3, 60, 600}[random() % 4];
    const std::uint64_t weights = std::vector<std::uint64_t>{1, 2, 64, 12'345, two_to_52 / 8}[random() % 5];
    const bool same = random() % 4 == 0;
    for (std::uint64_t i = 0; i < 1 + random() % 7; ++i) {
      const double fraction = std::ldexp(static_cast<double>(random() >> 11), -53) - 0.5;
      const int exponent = spread == 0 ? 0 : static_cast<int>(random() % static_cast<unsigned>(spread));
      terms.emplace_back(std::ldexp(fraction, exponent - spread / 2),
                         same ? weights : 1 + random() % weights);
    }
    if (random() % 8 == 0) terms.emplace_back(-terms.front().first, terms.front().second);
    const Quick quick = quick_mean(terms);
    unsettled += quick.settled || spread > 3 ? 0 : 1;
    if (quick.settled) {
      EXPECT_EQ(bits_of(quick.mean), bits_of(exact_mean(terms)));
    }
  }
  EXPECT_EQ(unsettled, 0) << "among numbers of like size";
}

TEST(Float64Mean, SettlesTiesItself) {
  for (const Terms& terms : {Terms{{1, 1}, {1 + step, 1}}, Terms{{1 + step, 64}, {1 + 2 * step, 64}},
                             Terms{{-0.0, 3}, {-0.0, 10}}, Terms{{-1, 5}, {2.5, 2}}}) {
    const Quick quick = quick_mean(terms);
    EXPECT_TRUE(quick.settled);
    EXPECT_EQ(bits_of(quick.mean), bits_of(exact_mean(terms)));
  }
}

TEST(Float64Mean, LeavesWhatItCannotTell) {
  EXPECT_FALSE(quick_mean({{largest, 250}, {largest, 97}}).settled);
  EXPECT_FALSE(quick_mean({{largest, 1}, {largest, 1}, {-largest, 2}}).settled);
  EXPECT_FALSE(quick_mean({{infinity, 1}, {1, 1}}).settled);
  EXPECT_FALSE(quick_mean({{std::nan(""), 1}, {1, 1}}).settled);
  // A tie but for what two doubles cannot hold beside it.
  EXPECT_FALSE(
      quick_mean({{2, 2}, {2 + 2 * step, 2}, {0x1p-300, 1}, {0x1p-150, 1}, {-0x1p-150, 1}, {0, 1}}).settled);
  EXPECT_FALSE(quick_mean({{tiniest, 1}, {0, 1}}).settled);
}

}  // namespace
}  // namespace fedlog::ml
