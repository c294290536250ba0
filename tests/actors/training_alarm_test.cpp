#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/actors/trainings.h"

// The alarm of a training with a deadline: when it is set, what it leads to, and what a restart makes of it.
namespace fedlog::actors {
namespace {

using namespace testing;
using std::chrono::seconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A process of the example training with a deadline of 10 seconds for a round, and 20 for a test.
class AlarmOfATraining : public ::testing::Test {
 protected:
  AlarmOfATraining() {
    auto created = facts();
    created.options.round_deadline_s = 10;
    created.options.test_deadline_s = 20;
    created.options.min_updates = 1;
    domain::Training training;
    domain::evolve(training, created, {1});
    process.emplace(training, 1, ports.ports());
  }

  void carry_out(domain::TrainingCommand command) {
    const auto before = ports.appends.size();
    process->command(message(std::move(command)));
    if (ports.appends.size() > before) process->committed(durable(ports.appends.back(), ports.time));
  }

  // What the latest alarm would send.
  void alarm_comes() {
    const auto alarm = ports.alarms.back();
    ASSERT_TRUE(alarm);
    carry_out(domain::ExpireDeadline{alarm->deadline});
  }

  RecordedPorts ports;
  std::optional<TrainingProcess> process;
};

TEST_F(AlarmOfATraining, IsSetWhenTheDeadlineIsDurable) {
  process->command(message(domain::StartTraining{by(1)}));
  EXPECT_THAT(ports.alarms, IsEmpty());
  process->committed(durable(ports.appends.back()));
  ASSERT_THAT(ports.alarms, SizeIs(1));
  ASSERT_TRUE(ports.alarms[0]);
  EXPECT_EQ(ports.alarms[0]->deadline, domain::Timestamp{ports.time.microseconds + 10'000'000});
  EXPECT_EQ(ports.alarms[0]->delay, seconds{10});
}

TEST_F(AlarmOfATraining, LiesAWholeDeadlineAheadThoughTheClockJumpedMeanwhile) {
  process->command(message(domain::StartTraining{by(1)}));
  ports.time.microseconds += 3'600'000'000;
  process->committed(durable(ports.appends.back(), ports.time));
  ASSERT_TRUE(ports.alarms.at(0));
  EXPECT_EQ(ports.alarms[0]->delay, seconds{10});
}

TEST_F(AlarmOfATraining, KeepsTheProcessFromRest) {
  EXPECT_TRUE(process->idle());
  carry_out(domain::StartTraining{by(1)});
  EXPECT_FALSE(process->idle());
  carry_out(domain::PauseTraining{by(1)});
  EXPECT_TRUE(process->idle());
}

TEST_F(AlarmOfATraining, IsLeftAloneByWhatDoesNotMoveTheDeadline) {
  carry_out(domain::StartTraining{by(1)});
  carry_out(update_of(2));
  process->wake();
  EXPECT_THAT(ports.alarms, SizeIs(1));
}

TEST_F(AlarmOfATraining, IsTakenBackWhenNobodyIsWaitedForAnyMore) {
  carry_out(domain::StartTraining{by(1)});
  carry_out(update_of(2));
  carry_out(update_of(3));
  ASSERT_THAT(ports.alarms, SizeIs(2));
  EXPECT_FALSE(ports.alarms[1]);
  carry_out(domain::RecordAggregation{ports.aggregations.back(), blob_id(9)});
  ASSERT_THAT(ports.alarms, SizeIs(3)) << "of the test";
  EXPECT_EQ(ports.alarms[2]->delay, seconds{20});
}

TEST_F(AlarmOfATraining, ClosesTheRoundWhenItComes) {
  carry_out(domain::StartTraining{by(1)});
  carry_out(update_of(3));
  alarm_comes();
  ASSERT_THAT(ports.aggregations, SizeIs(1));
  EXPECT_THAT(ports.aggregations[0].updates, SizeIs(1));
}

TEST_F(AlarmOfATraining, IsSetAgainForADeadlineOfTheSameTime) {
  auto training = process->training();
  training.options.max_rounds_without_quorum = 5;
  process.emplace(training, 1, ports.ports());
  carry_out(domain::StartTraining{by(1)});
  const auto first = ports.alarms.back()->deadline;
  alarm_comes();  // while the clock on the wall stands still
  ASSERT_THAT(ports.alarms, SizeIs(2));
  EXPECT_EQ(ports.alarms[1]->deadline, first);
  EXPECT_FALSE(process->idle());
}

TEST_F(AlarmOfATraining, IsSetAnewForTheNextPhaseThoughItsDeadlineIsOfTheSameTime) {
  carry_out(domain::StartTraining{by(1)});
  carry_out(update_of(2));
  carry_out(update_of(3));
  carry_out(domain::RecordAggregation{ports.aggregations.back(), blob_id(9)});
  const auto test = ports.alarms.back();
  ports.time.microseconds += 10'000'000;  // half of the test's time, and as long as the next round has
  for (const std::uint8_t user : {std::uint8_t{2}, std::uint8_t{3}}) {
    carry_out(domain::ReportMetrics{
        .by = by(user), .model = model_id(1), .metrics = {{.name = "loss", .number = 0.5, .blob = {}}}});
  }
  const auto round = ports.alarms.back();
  ASSERT_TRUE(test && round);
  EXPECT_EQ(round->deadline, test->deadline);
  EXPECT_EQ(round->delay, seconds{10});
}

TEST_F(AlarmOfATraining, DoesNoHarmWhenItIsOfADeadlineBefore) {
  carry_out(domain::StartTraining{by(1)});
  const auto first = ports.alarms.back()->deadline;
  ports.time.microseconds += 1'000'000;
  carry_out(domain::PauseTraining{by(1)});
  carry_out(domain::ResumeTraining{by(1)});
  const auto before = ports.appends.size();
  carry_out(domain::ExpireDeadline{first});
  EXPECT_THAT(ports.appends, SizeIs(before));
  EXPECT_FALSE(process->idle()) << "the alarm of the new one is still set";
}

TEST_F(AlarmOfATraining, ComesAfterARestartWhenItsTimeIsThere) {
  carry_out(domain::StartTraining{by(1)});
  const auto delay_after = [&](std::int64_t microseconds_later) {
    RecordedPorts after_restart;
    after_restart.time.microseconds = ports.time.microseconds + microseconds_later;
    TrainingProcess again{process->training(), process->version(), after_restart.ports()};
    again.wake();
    EXPECT_THAT(after_restart.alarms, SizeIs(1));
    EXPECT_FALSE(again.idle());
    return after_restart.alarms.at(0)->delay;
  };
  EXPECT_EQ(delay_after(4'000'000), seconds{6});
  EXPECT_EQ(delay_after(3'600'000'000), seconds{0}) << "it passed while nobody looked";
  EXPECT_EQ(delay_after(-3'600'000'000), seconds{10}) << "a clock that jumped back costs one deadline";
}

TEST_F(AlarmOfATraining, IsTakenBackWithTheTraining) {
  carry_out(domain::StartTraining{by(1)});
  carry_out(domain::DeleteTraining{by(1), std::nullopt});
  EXPECT_FALSE(ports.alarms.back());
  EXPECT_TRUE(process->idle());
}

TEST_F(AlarmOfATraining, LetsAPausedAggregationBeMadeAgain) {
  carry_out(domain::StartTraining{by(1)});
  carry_out(update_of(2));
  carry_out(update_of(3));
  carry_out(domain::PauseTraining{by(1)});
  carry_out(domain::RecordAggregation{ports.aggregations.back(), blob_id(9)});
  EXPECT_TRUE(process->idle()) << "what came in the pause is forgotten";
  EXPECT_THAT(ports.aggregations, SizeIs(1));
  carry_out(domain::ResumeTraining{by(1)});
  EXPECT_THAT(ports.aggregations, SizeIs(2));
}

TEST_F(AlarmOfATraining, TakesAnAggregationThatComesAfterThePause) {
  carry_out(domain::StartTraining{by(1)});
  carry_out(update_of(2));
  carry_out(update_of(3));
  carry_out(domain::PauseTraining{by(1)});
  process->command(message(domain::ResumeTraining{by(1)}));
  process->command(message(domain::RecordAggregation{ports.aggregations.back(), blob_id(9)}));
  process->committed(durable(ports.appends.back()));
  EXPECT_THAT(ports.aggregations, SizeIs(1)) << "it is under way, and not asked for twice";
  process->committed(durable(ports.appends.back()));
  EXPECT_EQ(process->training().weights, blob_id(9));
}

}  // namespace
}  // namespace fedlog::actors
