#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/domain/training_course.h"

// How a training that was paused, or that failed, goes on.
namespace fedlog::domain {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(ResumeTraining, AsksThoseAgainWhoHaveNotDoneTheirPart) {
  auto course = updating();
  course.update(one, 11);
  course.pause();
  EXPECT_THAT(told(course.resume()), ElementsAre("UPDATE_ROUND_START 0 -> 3"));
  course = collecting();
  course.moments(two, 22);
  course.pause();
  EXPECT_THAT(told(course.resume()), ElementsAre("SWAG_ROUND_START 1 -> 2"));
  course = tested();
  course.test(two);
  course.pause();
  EXPECT_THAT(told(course.resume()), ElementsAre("MODEL_TEST_ROUND 1 -> 2"));
}

TEST(ResumeTraining, LeavesATrainingAloneThatRuns) {
  auto course = updating();
  EXPECT_THAT(course.resume(), IsEmpty());
}

TEST(ResumeTraining, IsForTheOwnerAndSuperusers) {
  auto course = updating();
  course.pause();
  EXPECT_EQ(course.reject(ResumeTraining{one}).reason, Reason::permission_denied);
  EXPECT_TRUE(course.accepts(ResumeTraining{superuser}));
}

TEST(ResumeTraining, IsRefusedBeforeTheStartAndAfterTheEnd) {
  Course course;
  EXPECT_EQ(course.reject(ResumeTraining{owner}).hint, "The training has not been started.");
  course = tested();
  course.test(one);
  course.test(two);
  const auto refused = course.reject(ResumeTraining{owner});
  EXPECT_EQ(refused.reason, Reason::wrong_state);
  EXPECT_EQ(refused.hint, "The training is completed.");
}

TEST(ResumeTraining, OpensTheRoundAgainThatFailedAndKeepsItsUpdates) {
  auto course = updating();
  course.training.options.on_unreachable = OnUnreachable::error;
  course.update(one, 11);
  course.settle(two, NotificationKind::update_round_start, DeliveryOutcome::unreachable, 0);
  ASSERT_EQ(course.training.state, TrainingState::error);
  EXPECT_EQ(course.training.failed_phase, Phase::updating);
  EXPECT_THAT(told(course.resume()),
              ElementsAre("TRAINING_START -> 2", "TRAINING_START -> 3", "UPDATE_ROUND_START 0 -> 3"));
  EXPECT_EQ(course.training.phase, Phase::updating);
  EXPECT_THAT(course.training.reason, IsEmpty());
  EXPECT_EQ(course.training.failed_phase, Phase::idle);
  course.update(two, 12);
  EXPECT_THAT(pending_aggregation(course.training)->updates, SizeIs(2));
}

TEST(ResumeTraining, AggregatesAgainWhatCouldNotBeAggregated) {
  auto course = aggregating();
  course.not_aggregated("the disk is full");
  EXPECT_EQ(course.training.failed_phase, Phase::aggregating);
  EXPECT_FALSE(pending_aggregation(course.training));
  course.resume();
  ASSERT_TRUE(pending_aggregation(course.training));
  EXPECT_THAT(pending_aggregation(course.training)->updates, SizeIs(2));
  course.aggregated(101);
  EXPECT_EQ(course.training.phase, Phase::testing);
}

TEST(ResumeTraining, AveragesAgainWhatCouldNotBeAveraged) {
  auto course = averaging();
  course.not_averaged("the disk is full");
  EXPECT_EQ(course.training.failed_phase, Phase::averaging);
  course.resume();
  EXPECT_EQ(course.training.state, TrainingState::swag_round);
  ASSERT_TRUE(pending_averaging(course.training));
  EXPECT_THAT(pending_averaging(course.training)->moments, SizeIs(2));
}

TEST(ResumeTraining, WaitsAgainForWhoWasLateWhenTheRoundFailedInTheAggregation) {
  Course course;
  course.training.options.round_deadline_s = 10;
  course.training.options.min_updates = 1;
  course.start();
  course.update(one, 11);
  course.expire();
  course.not_aggregated("the disk is full");
  EXPECT_THAT(told(course.resume()),
              ElementsAre("TRAINING_START -> 2", "TRAINING_START -> 3", "UPDATE_ROUND_START 0 -> 3"));
  EXPECT_TRUE(course.training.deadline);
  EXPECT_EQ(course.training.phase, Phase::updating);
  EXPECT_NE(course.training.update_of(one.id), nullptr);
}

TEST(ResumeTraining, GoesOnWithoutTheUpdatesOfThoseWhoAreRemovedMeanwhile) {
  auto course = aggregating();
  course.run(RemoveParticipants{owner, {one.id}});  // while it is aggregated, its update counts
  course.not_aggregated("the disk is full");
  course.resume();
  ASSERT_TRUE(pending_aggregation(course.training));
  EXPECT_THAT(pending_aggregation(course.training)->updates,
              ElementsAre(Update{two.id, test::model(12), blob(12), 1}));
}

TEST(ResumeTraining, OpensTheTestAgainWithNewParticipantsWhenNobodyWasLeft) {
  Course course({one.id});
  course.start();
  course.update(one, 11);
  course.aggregated(101);
  course.run(LeaveTraining{one});
  ASSERT_EQ(course.training.state, TrainingState::error);
  EXPECT_EQ(course.reject(ResumeTraining{owner}).reason, Reason::no_participants);
  course.run(AddParticipants{owner, {two.id}});
  EXPECT_THAT(told(course.resume()), ElementsAre("TRAINING_START -> 3", "MODEL_TEST_ROUND 1 -> 3"));
  course.test(two);
  EXPECT_EQ(course.training.state, TrainingState::completed);
}

TEST(ResumeTraining, BeginsToCountDeadlinesWithoutAQuorumAnew) {
  Course course;
  course.training.options.round_deadline_s = 10;
  course.start();
  course.expire();
  ASSERT_EQ(course.training.state, TrainingState::error);
  EXPECT_EQ(course.training.rounds_without_quorum, 1);
  course.now += 100'000'000;
  course.resume();
  EXPECT_EQ(course.training.rounds_without_quorum, 0);
  EXPECT_GT(course.training.deadline->microseconds, course.now);
}

TEST(ResumeTraining, GoesOnWithADaisyChainWhereItWas) {
  auto course = Course::daisy_chain({one.id, two.id}, 2, 2);
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  course.training.options.on_unreachable = OnUnreachable::error;
  const auto given = course.training.model_for(one.id);
  course.settle(one, NotificationKind::update_round_start, DeliveryOutcome::unreachable, 0);
  course.resume();
  EXPECT_EQ(course.training.round, 1);
  EXPECT_EQ(course.training.model_for(one.id), given);
}

}  // namespace
}  // namespace fedlog::domain
