#include "actors/dummy_course.h"

#include <gtest/gtest.h>

#include <map>

#include "actors/new_id.h"
#include "tests/actors/trainings.h"

namespace fedlog::actors {
namespace {

using namespace testing;

class DummyCourse : public ::testing::Test {
 protected:
  DummyCourse() {
    facts_.target_num_updates = 3;
    facts_.weights = blob_id(9);
    events_ = dummy_course(facts_, new_id);
  }
  template <class Event>
  [[nodiscard]] std::size_t count() const {
    return static_cast<std::size_t>(std::ranges::count_if(
        events_, [](const auto& event) { return std::holds_alternative<Event>(event); }));
  }

  domain::TrainingCreated facts_ = facts();
  domain::TrainingEvents events_;
};

TEST_F(DummyCourse, IsALegalOneFromTheStartToTheEnd) {
  domain::Training training;
  for (const auto& event : events_) domain::evolve(training, event, {});
  EXPECT_EQ(training.state, domain::TrainingState::completed);
  EXPECT_EQ(training.round, 3);
  EXPECT_EQ(training.weights, blob_id(9));
  EXPECT_EQ(training.participants, facts_.participants);
  EXPECT_TRUE(training.updates.empty());
  EXPECT_EQ(count<domain::UpdateAccepted>(), 6U);
  EXPECT_EQ(count<domain::RoundAggregated>(), 3U);
}

TEST_F(DummyCourse, NotifiesNobody) {
  EXPECT_EQ(count<domain::NotificationRequested>(), 0U);
}

TEST_F(DummyCourse, HasAPlausibleLossAndAccuracyOfEachParticipantAndRound) {
  std::map<std::pair<domain::UserId, std::int64_t>, std::map<std::string, double>> reports;
  for (const auto& event : events_) {
    const auto* reported = std::get_if<domain::MetricsReported>(&event);
    if (reported == nullptr) continue;
    auto& report = reports[{reported->reporter, reported->step}];
    EXPECT_TRUE(report.empty()) << "one report of a participant and round";
    for (const auto& metric : reported->metrics) report[metric.name] = metric.number.value();
  }
  ASSERT_EQ(reports.size(), 6U);
  for (const auto& participant : facts_.participants) {
    for (std::int64_t round = 1; round <= 3; ++round) {
      const auto& report = reports.at({participant, round});
      ASSERT_EQ(report.size(), 2U);
      EXPECT_GT(report.at("NLLoss"), 0);
      EXPECT_GT(report.at("Accuracy"), 0);
      EXPECT_LT(report.at("Accuracy"), 1);
    }
    EXPECT_LT(reports.at({participant, 3}).at("NLLoss"), reports.at({participant, 1}).at("NLLoss"));
    EXPECT_GT(reports.at({participant, 3}).at("Accuracy"), reports.at({participant, 1}).at("Accuracy"));
  }
}

}  // namespace
}  // namespace fedlog::actors
