#include "domain/metric.h"

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "tests/domain/ids.h"

namespace fedlog::domain {
namespace {

Metric number(std::string name, double value) {
  return {.name = std::move(name), .number = value, .blob = {}};
}

TEST(TheFingerprintOfMetrics, TellsThemApart) {
  const std::vector<std::vector<Metric>> all{
      {},
      {number("loss", 0.5)},
      {number("loss", -0.5)},
      {number("loss", 0.5), number("accuracy", 0.9)},
      {number("accuracy", 0.9), number("loss", 0.5)},
      {number("los", 0.5)},
      {number("", std::numeric_limits<double>::quiet_NaN())},
      {{.name = "loss", .number = {}, .blob = test::blob(1)}},
      {{.name = "loss", .number = {}, .blob = test::blob(2)}},
      {number("a", 0), number("", 0)},
      {number("", 0), number("a", 0)},
  };
  std::set<std::uint64_t> seen;
  for (const auto& metrics : all) {
    EXPECT_EQ(fingerprint(metrics), fingerprint(std::vector(metrics)));
    seen.insert(fingerprint(metrics));
  }
  EXPECT_EQ(seen.size(), all.size());
}

TEST(TheFingerprintOfMetrics, IsTheSameOnEveryMachineAsItIsStored) {
  EXPECT_EQ(fingerprint({}), 0U);
  EXPECT_EQ(fingerprint({number("loss", 0.5)}), 0x799553f9b49e1f57U);
}

}  // namespace
}  // namespace fedlog::domain
