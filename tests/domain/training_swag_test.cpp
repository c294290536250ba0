#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "domain/training_refusals.h"
#include "tests/domain/training_course.h"

// SWAG rounds: after each aggregation the participants send moments of their weights.
namespace fedlog::domain {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(ASwagRound, FollowsEachAggregation) {
  auto course = Course::swag();
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  EXPECT_THAT(told(course.aggregated(101)),
              ElementsAre("SWAG_ROUND_START 1 -> 2", "SWAG_ROUND_START 1 -> 3"));
  EXPECT_EQ(course.training.state, TrainingState::swag_round);
  EXPECT_EQ(course.training.phase, Phase::collecting);
  EXPECT_EQ(course.training.weights, blob(101));
}

TEST(ASwagRound, IsAveragedInTheOrderOfJoiningWhenTheLastMomentsAreThere) {
  auto course = collecting();
  course.moments(two, 22, 3);
  EXPECT_FALSE(pending_averaging(course.training));
  EXPECT_TRUE(holds<SwagRoundClosed>(course.moments(one, 21, 1)));
  EXPECT_EQ(course.training.state, TrainingState::swag_round);
  const auto averaging = pending_averaging(course.training);
  ASSERT_TRUE(averaging);
  EXPECT_EQ(averaging->round, 1);
  EXPECT_THAT(averaging->moments, ElementsAre(Moments{one.id, blob(21), blob(121), "float32 [8]", 1},
                                              Moments{two.id, blob(22), blob(122), "float32 [8]", 3}));
}

TEST(ASwagRound, EndsWithTheModelsMomentsAndItsTest) {
  auto course = collecting();
  course.moments(one, 21);
  course.moments(two, 22);
  EXPECT_THAT(told(course.averaged(30)), ElementsAre("MODEL_TEST_ROUND 1 -> 2", "MODEL_TEST_ROUND 1 -> 3"));
  EXPECT_EQ(course.training.state, TrainingState::ongoing);
  EXPECT_EQ(course.training.swag_first_moment, blob(30));
  EXPECT_EQ(course.training.swag_second_moment, blob(130));
  EXPECT_THAT(course.training.moments, IsEmpty());
  course.test(one);
  course.test(two);
  EXPECT_EQ(course.training.state, TrainingState::completed);
}

TEST(ASwagRound, ComesAgainInTheNextRoundAndKeepsTheMomentsUntilThen) {
  auto course = Course::swag({one.id}, 2);
  course.start();
  course.update(one, 11);
  course.aggregated(101);
  course.moments(one, 21);
  course.averaged(30);
  course.test(one);
  course.update(one, 12);
  course.aggregated(102);
  EXPECT_EQ(course.training.state, TrainingState::swag_round);
  EXPECT_EQ(course.training.swag_first_moment, blob(30));
  course.moments(one, 22);
  course.averaged(31);
  EXPECT_EQ(course.training.swag_first_moment, blob(31));
}

TEST(ASwagRound, RefusesMomentsThatDoNotFit) {
  auto course = Course::swag();
  const auto moments = [](const Caller& by, std::int64_t round, std::int64_t size) {
    return SubmitMoments{by, round, size, blob(21), blob(22), "float32 [8]"};
  };
  EXPECT_EQ(course.reject(moments(one, 0, 1)).message,
            "Training with ID " + course.training.id.text() + " is in state I");
  course = collecting();
  EXPECT_EQ(course.reject(moments(owner, 1, 1)).message,
            "You are not a participant of training " + course.training.id.text() + "!");
  EXPECT_EQ(course.reject(moments(one, 0, 1)).message,
            "Training with ID " + course.training.id.text() + " is not currently in round 0");
  EXPECT_EQ(course.reject(moments(one, 1, 0)).field, "sample_size");
  EXPECT_EQ(course.reject(moments(one, 1, sample_size_max + 1)).field, "sample_size");
  EXPECT_EQ(course.reject(SubmitUpdate{one, test::model(13), 1, 1, blob(13), {}}).message,
            "Training with ID " + course.training.id.text() + " is in state S");
}

TEST(ASwagRound, TakesMomentsOfOneFormOnly) {
  auto course = collecting();
  course.moments(one, 21, 1, "float32 [8]");
  const auto refused = course.reject(SubmitMoments{two, 1, 1, blob(22), blob(122), "float64 [8]"});
  EXPECT_EQ(refused.reason, Reason::invalid_file);
  EXPECT_THAT(refused.message, HasSubstr("float64 [8]"));
  course.moments(one, 23, 1, "float64 [8]");
  course.moments(two, 24, 1, "float64 [8]");
  EXPECT_TRUE(pending_averaging(course.training));
}

TEST(ASwagRound, AsksAgainWhenTheOnlyMomentsGoWithTheirSender) {
  for (const bool leaves : {true, false}) {
    auto course = collecting();
    course.moments(one, 21, 1, "float32 [1]");
    const auto events =
        leaves ? course.run(LeaveTraining{one}) : course.run(RemoveParticipants{owner, {one.id}});
    EXPECT_THAT(told(events), testing::Contains("SWAG_ROUND_START 1 -> 3"));
    course.moments(two, 22);
    EXPECT_TRUE(pending_averaging(course.training)) << "in the form that was refused before";
  }
}

TEST(ASwagRound, ReplacesMomentsUntilTheyAreAveraged) {
  auto course = collecting();
  course.moments(one, 21);
  EXPECT_THAT(course.moments(one, 21), IsEmpty()) << "the same again";
  EXPECT_THAT(course.moments(one, 23, 5), SizeIs(1));
  ASSERT_THAT(course.training.moments, SizeIs(1));
  EXPECT_EQ(course.training.moments[0].first_moment, blob(23));
  course.moments(two, 22);
  EXPECT_EQ(course.reject(SubmitMoments{one, 1, 1, blob(24), blob(25), "float32 [8]"}).reason,
            Reason::wrong_round);
}

TEST(ASwagRound, ShowsMomentsAsMetrics) {
  const auto metrics = metrics_of(Moments{one.id, blob(21), blob(121), "float32 [8]", 3});
  EXPECT_THAT(metrics, ElementsAre(Metric{"SWAG First Moment Local", {}, blob(21)},
                                   Metric{"SWAG Second Moment Local", {}, blob(121)},
                                   Metric{"SWAG Sample Size Local", 3.0, {}}));
}

TEST(ASwagRound, CountsNeitherMomentsNorEarlyMetricsAsTests) {
  auto course = collecting();
  course.test(one);
  course.moments(one, 21);
  course.moments(two, 22);
  course.averaged(30);
  EXPECT_THAT(course.training.testers, IsEmpty());
}

TEST(ASwagRound, GoesOnWithoutWhoRefusesIt) {
  auto course = collecting();
  course.moments(one, 21);
  const auto events = course.settle(two, NotificationKind::swag_round_start, DeliveryOutcome::refused, 500);
  EXPECT_THAT(told(events), ElementsAre("CLIENT_REMOVED -> 3"));
  EXPECT_TRUE(holds<SwagRoundClosed>(events));
}

TEST(ASwagRound, FailsWhenAllRefuseIt) {
  auto course = collecting();
  course.settle(one, NotificationKind::swag_round_start, DeliveryOutcome::refused, 500);
  EXPECT_EQ(course.training.state, TrainingState::swag_round);
  course.settle(two, NotificationKind::swag_round_start, DeliveryOutcome::refused, 500);
  EXPECT_EQ(course.training.state, TrainingState::error);
  EXPECT_THAT(course.training.reason, HasSubstr("No participant is left"));
}

TEST(ASwagRound, RemovesWhoCannotBeReachedUnlessItsMomentsAreThere) {
  auto course = collecting();
  course.moments(one, 21);
  course.settle(one, NotificationKind::swag_round_start, DeliveryOutcome::unreachable, 0);
  EXPECT_THAT(course.training.participants, SizeIs(2));
  course.settle(two, NotificationKind::swag_round_start, DeliveryOutcome::unreachable, 0);
  EXPECT_THAT(course.training.participants, ElementsAre(one.id));
}

TEST(ASwagRound, DropsTheMomentsOfWhoIsRemovedWhileItIsOpen) {
  auto course = collecting();
  course.moments(two, 22);
  course.run(RemoveParticipants{owner, {two.id}});
  EXPECT_EQ(course.training.moments_of(two.id), nullptr);
  course.moments(one, 21, 1, "float64 [8]");
  EXPECT_THAT(pending_averaging(course.training)->moments, SizeIs(1));
}

TEST(ASwagRound, CountsTheMomentsOfWhoIsRemovedAfterIt) {
  auto course = collecting();
  course.moments(one, 21);
  course.moments(two, 22);
  course.run(RemoveParticipants{owner, {two.id}});
  EXPECT_THAT(pending_averaging(course.training)->moments, SizeIs(2));
  course.run(RemoveParticipants{owner, {one.id}});
  course.averaged(30);
  EXPECT_EQ(course.training.state, TrainingState::error) << "nobody is left to test";
  EXPECT_EQ(course.training.swag_first_moment, blob(30));
}

TEST(ASwagRound, FailsWhenNobodyIsLeftAfterTheAggregation) {
  auto course = Course::swag({one.id});
  course.start();
  course.update(one, 11);
  course.run(RemoveParticipants{owner, {one.id}});
  course.aggregated(101);
  EXPECT_EQ(course.training.state, TrainingState::error);
}

TEST(ASwagRound, CatchesUpWhoJoinsLater) {
  auto course = collecting();
  EXPECT_THAT(told(course.run(AddParticipants{owner, {stranger.id}})),
              ElementsAre("TRAINING_START -> 9", "SWAG_ROUND_START 1 -> 9"));
  course.moments(one, 21);
  course.moments(two, 22);
  EXPECT_FALSE(pending_averaging(course.training)) << "the new one is waited for";
  course.moments(stranger, 23);
  EXPECT_TRUE(pending_averaging(course.training));
  EXPECT_THAT(told(course.run(AddParticipants{owner, {user(8)}})), ElementsAre("TRAINING_START -> 8"))
      << "the test that comes is for it, too";
}

TEST(ASwagRound, RecordsItsAverageOnlyOnce) {
  auto course = collecting();
  EXPECT_THAT(course.averaged(29), IsEmpty()) << "not closed yet";
  course.moments(one, 21);
  course.moments(two, 22);
  course.averaged(30);
  EXPECT_THAT(course.averaged(31), IsEmpty());
  EXPECT_EQ(course.training.swag_first_moment, blob(30));
}

TEST(ASwagRound, FailsWithTheReasonWhenItCannotBeAveraged) {
  auto course = collecting();
  course.moments(one, 21);
  course.moments(two, 22);
  course.not_averaged("the disk is full");
  EXPECT_EQ(course.training.state, TrainingState::error);
  EXPECT_THAT(course.training.reason, HasSubstr("The moments of round 1"));
  EXPECT_THAT(course.training.reason, HasSubstr("the disk is full"));
}

TEST(ASwagRound, ComesAtTheEndOfADaisyChainsPeriods) {
  auto course = Course::swag({one.id}, 2);
  course.training.options.daisy_chain_period = 2;
  course.start();
  course.update(one, 11);
  EXPECT_EQ(course.training.state, TrainingState::ongoing);
  course.update(one, 12);
  course.aggregated(101);
  EXPECT_EQ(course.training.state, TrainingState::swag_round);
}

TEST(ASwagRound, IsTheSameWhenItsEventsAreReplayed) {
  auto course = Course::swag();
  auto replayed = course.training;
  auto now = course.now;
  const auto both = [&](const TrainingEvents& events) {
    for (const auto& event : events) evolve(replayed, event, Timestamp{++now});
    EXPECT_EQ(replayed, course.training);
  };
  both(course.start());
  both(course.update(one, 11));
  both(course.update(two, 12));
  both(course.aggregated(101));
  both(course.moments(one, 21));
  both(course.moments(one, 23));
  both(course.run(AddParticipants{owner, {stranger.id}}));
  both(course.run(RemoveParticipants{owner, {two.id}}));
  both(course.moments(stranger, 24));
  both(course.averaged(30));
  both(course.test(one));
}

TEST(ASwagRound, NeverClosesOverMomentsThatNobodySent) {
  auto course = collecting();
  EXPECT_THROW(evolve(course.training, SwagRoundClosed{1, {one.id}}, Timestamp{9}), std::logic_error);
}

}  // namespace
}  // namespace fedlog::domain
