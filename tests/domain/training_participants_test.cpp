#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/domain/training_course.h"

// Who takes part in a training, and what becomes of it when that changes.
namespace fedlog::domain {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Training, GoesOnWithoutWhoRefusesARound) {
  Course course;
  course.start();
  course.update(one, 11);
  const auto events = course.settle(two, NotificationKind::update_round_start, DeliveryOutcome::refused, 500);
  EXPECT_THAT(told(events), ElementsAre("CLIENT_REMOVED -> 3"));
  EXPECT_TRUE(holds<RoundClosed>(events)) << "everybody who is left has sent its update";
  EXPECT_THAT(course.training.participants, ElementsAre(one.id));
}

TEST(Training, GoesOnWithoutWhoRefusesItsTest) {
  Course course;
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  course.aggregated(101);
  course.test(one);
  course.settle(two, NotificationKind::model_test_round, DeliveryOutcome::refused, 500);
  EXPECT_EQ(course.training.state, TrainingState::completed);
}

TEST(Training, OnlyRecordsWhatBecameOfOtherNotifications) {
  Course course;
  course.start();
  for (const auto kind : {NotificationKind::training_start, NotificationKind::client_removed}) {
    EXPECT_THAT(course.settle(two, kind, DeliveryOutcome::refused, 500), SizeIs(1));
  }
  EXPECT_THAT(course.settle(two, NotificationKind::update_round_start, DeliveryOutcome::delivered, 200),
              SizeIs(1));
  EXPECT_THAT(course.training.participants, SizeIs(2));
}

TEST(Training, IgnoresARefusalOfARoundThatIsOver) {
  Course course;
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  EXPECT_THAT(course.settle(two, NotificationKind::update_round_start, DeliveryOutcome::refused, 500),
              SizeIs(1));
  EXPECT_THAT(course.training.participants, SizeIs(2));
}

TEST(Training, RemovesWhoCannotBeReachedUnlessItsWorkIsDone) {
  Course course;
  course.start();
  course.update(one, 11);
  course.settle(one, NotificationKind::update_round_start, DeliveryOutcome::unreachable, 0);
  EXPECT_THAT(course.training.participants, SizeIs(2)) << "its update is there";
  course.settle(two, NotificationKind::update_round_start, DeliveryOutcome::unreachable, 0);
  EXPECT_THAT(course.training.participants, ElementsAre(one.id));
}

TEST(Training, FailsForAnUnreachableParticipantWhereThePolicySaysSo) {
  Course course;
  course.training.options.on_unreachable = OnUnreachable::error;
  course.start();
  course.settle(two, NotificationKind::update_round_start, DeliveryOutcome::unreachable, 0);
  EXPECT_EQ(course.training.state, TrainingState::error);
  EXPECT_THAT(course.training.reason, HasSubstr("connection refused"));
}

TEST(Training, FailsWhenNobodyIsLeft) {
  Course course({one.id});
  course.start();
  course.settle(one, NotificationKind::update_round_start, DeliveryOutcome::refused, 404);
  EXPECT_EQ(course.training.state, TrainingState::error);
  EXPECT_THAT(course.training.reason, HasSubstr("No participant is left"));
}

TEST(Training, FailsAfterAnAggregationThatNobodyIsLeftToTest) {
  Course course({one.id});
  course.start();
  course.update(one, 11);
  course.run(RemoveParticipants{owner, {one.id}});
  EXPECT_TRUE(pending_aggregation(course.training)) << "the round is closed, its updates count";
  course.aggregated(101);
  EXPECT_EQ(course.training.state, TrainingState::error);
}

TEST(Training, DropsTheUpdateOfWhoIsRemovedWhileTheRoundIsOpen) {
  Course course({one.id, two.id, user(4)});
  course.start();
  course.update(two, 12);
  course.run(RemoveParticipants{owner, {two.id}});
  EXPECT_EQ(course.training.update_of(two.id), nullptr);
}

TEST(Training, TellsWhoIsRemovedOnlyWhileItRuns) {
  Course course;
  EXPECT_THAT(told(course.run(RemoveParticipants{owner, {one.id, stranger.id}})), IsEmpty());
  course.run(AddParticipants{owner, {one.id}});
  course.start();
  EXPECT_THAT(told(course.run(RemoveParticipants{owner, {one.id}})), ElementsAre("CLIENT_REMOVED -> 2"));
}

TEST(Training, CatchesUpWhoJoinsLater) {
  Course course({one.id});
  course.start();
  EXPECT_THAT(told(course.run(AddParticipants{owner, {two.id, one.id}})),
              ElementsAre("TRAINING_START -> 3", "UPDATE_ROUND_START 0 -> 3"));
  course.update(one, 11);
  EXPECT_FALSE(pending_aggregation(course.training)) << "the new one is waited for";
  course.update(two, 12);
  course.aggregated(101);
  EXPECT_THAT(told(course.run(AddParticipants{owner, {stranger.id}})),
              ElementsAre("TRAINING_START -> 9", "MODEL_TEST_ROUND 1 -> 9"));
}

TEST(Training, LetsOnlyItsActorChangeWhoTakesPart) {
  Course course;
  for (const auto& caller : {one, stranger}) {
    EXPECT_EQ(course.reject(AddParticipants{caller, {stranger.id}}).reason, Reason::permission_denied);
    EXPECT_EQ(course.reject(RemoveParticipants{caller, {two.id}}).reason, Reason::permission_denied);
  }
}

TEST(Training, TakesInNoMoreThanOneEventCanName) {
  std::vector<UserId> many(2000);
  for (std::size_t index = 0; index < many.size(); ++index) {
    many[index].uuid.bytes = {1, static_cast<std::uint8_t>(index >> 8), static_cast<std::uint8_t>(index)};
  }
  Course course(many);
  const auto rejection = course.reject(AddParticipants{owner, {one.id}});
  EXPECT_EQ(rejection.reason, Reason::invalid_field);
  EXPECT_EQ(rejection.field, "clients");
  course.run(RemoveParticipants{owner, {many.front()}});
  EXPECT_THAT(course.run(AddParticipants{owner, {one.id}}), SizeIs(1));
}

TEST(Training, TakesNobodyInAfterItsEnd) {
  Course course({one.id});
  course.start();
  course.update(one, 11);
  course.aggregated(101);
  course.test(one);
  EXPECT_EQ(course.reject(AddParticipants{owner, {two.id}}).reason, Reason::wrong_state);
}

TEST(Training, TakesParticipantsInAfterAnErrorToBeResumedWithThem) {
  Course course({one.id});
  course.start();
  course.settle(one, NotificationKind::update_round_start, DeliveryOutcome::refused, 500);
  EXPECT_THAT(told(course.run(AddParticipants{owner, {two.id}})), IsEmpty()) << "it does not run";
  EXPECT_THAT(course.training.participants, ElementsAre(two.id));
}

}  // namespace
}  // namespace fedlog::domain
