#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <optional>
#include <string>

#include "tests/simulation/world.h"

namespace fedlog::simulation {
namespace {

constexpr std::uint64_t seeds_by_default = 500;
constexpr std::size_t lines_kept = 60;

// Without these, the worlds would say little.
constexpr std::array worth_seeing{
    "SWAG rounds averaged",
    "aggregations lost by a restart",
    "appends cut off by a restart",
    "appends that failed",
    "attempts to reach who was away",
    "clients that vanished",
    "clock jumps",
    "deadlines set anew",
    "deadlines without a quorum",
    "endpoints changed",
    "full disks",
    "garbage that was refused",
    "notifications fetched by who polls",
    "notifications settled: delivered",
    "notifications settled: refused",
    "notifications settled: unreachable",
    "notifications that came again",
    "participants removed as unreachable",
    "participants removed since they refused",
    "participants that joined a running training",
    "participants that left",
    "pauses",
    "pauses ended",
    "processes that went to rest",
    "receivers that said later",
    "requests answered as the first time",
    "requests made again after they failed",
    "restarts",
    "results that came in a pause",
    "round deadlines passed",
    "rounds aggregated",
    "rounds that went on without stragglers",
    "rounds whose models were passed on",
    "test deadlines passed",
    "tests ended",
    "trainings cancelled",
    "trainings completed",
    "trainings deleted",
    "trainings failed",
    "trainings failed in the server's work",
    "trainings failed since nobody was left",
    "trainings failed since somebody was unreachable",
    "trainings resumed after an error",
    "updates accepted in a pause",
    "updates replaced by later ones",
    "work that came too late or was refused",
};

std::optional<std::uint64_t> number_in(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr) return std::nullopt;
  return std::stoull(text);
}

// The world once more, with the last of what happened before it was complained about.
std::string story_of(std::uint64_t seed, std::size_t lines_max) {
  std::deque<std::string> lines;
  World world(seed);
  world.trace_to([&](const std::string& line) {
    lines.push_back(line);
    if (lines.size() > lines_max) lines.pop_front();
  });
  std::ignore = world.live();
  std::string story;
  for (const auto& line : lines) story += line + "\n";
  return story;
}

std::string listed(const std::vector<std::string>& complaints) {
  std::string lines;
  for (const auto& complaint : complaints) lines += "  " + complaint + "\n";
  return lines;
}

// FEDLOG_SIMULATION_SEEDS: how many worlds; FEDLOG_SIMULATION_FIRST: the seed of the first;
// FEDLOG_SIMULATION_SEED: this one only, and all that happens in it.
TEST(AnyWorld, KeepsEveryPromiseToTheTrainingsInIt) {
  if (const auto seed = number_in("FEDLOG_SIMULATION_SEED")) {
    std::cout << story_of(*seed, SIZE_MAX);
    const auto report = World(*seed).live();
    EXPECT_TRUE(report.complaints.empty()) << listed(report.complaints);
    return;
  }
  const auto first = number_in("FEDLOG_SIMULATION_FIRST").value_or(0);
  const auto seeds = number_in("FEDLOG_SIMULATION_SEEDS").value_or(seeds_by_default);
  Happenings happenings;
  for (auto seed = first; seed < first + seeds; ++seed) {
    const auto report = World(seed).live();
    happenings.add(report.happenings);
    ASSERT_TRUE(report.complaints.empty())
        << "Seed " << seed << ":\n"
        << listed(report.complaints) << "The last that happened:\n"
        << story_of(seed, lines_kept) << "Everything: FEDLOG_SIMULATION_SEED=" << seed << " simulation_test";
  }
  std::cout << "In " << seeds << " worlds:\n" << happenings.text();
  if (seeds < seeds_by_default) return;
  for (const auto* what : worth_seeing) EXPECT_GT(happenings.of(what), 0U) << what;
}

TEST(AWorld, IsTheSameEachTime) {
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    EXPECT_EQ(World(seed).live().happenings.text(), World(seed).live().happenings.text()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace fedlog::simulation
