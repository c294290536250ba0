#include "domain/training_state.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

namespace fedlog::domain {
namespace {

TEST(TrainingState, AllowsOnlyTheTransitionsOfTheDiagram) {
  using enum TrainingState;
  const std::set<std::pair<TrainingState, TrainingState>> legal{
      {initial, ongoing},    {initial, error},    {ongoing, swag_round},
      {ongoing, completed},  {ongoing, error},    {error, ongoing},
      {swag_round, ongoing}, {swag_round, error}, {error, swag_round},
  };
  for (const auto& [from, from_name] : Names<TrainingState>::all) {
    for (const auto& [to, to_name] : Names<TrainingState>::all) {
      EXPECT_EQ(is_legal(from, to), from == to || legal.contains({from, to}))
          << from_name << " to " << to_name;
    }
  }
}

}  // namespace
}  // namespace fedlog::domain
