#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/domain/training_course.h"

// What a training tells its participants, and remembers of how they took it.
namespace fedlog::domain {
namespace {

using namespace test;
using testing::IsEmpty;
using testing::SizeIs;

TEST(LastDeliveries, AreTheLatestToEachReceiver) {
  Course course;
  course.start();
  course.settle(two, NotificationKind::training_start, DeliveryOutcome::delivered, 200);
  course.settle(one, NotificationKind::training_start, DeliveryOutcome::delivered, 200);
  course.settle(one, NotificationKind::update_round_start, DeliveryOutcome::unreachable, 0);
  ASSERT_THAT(course.training.last_deliveries, SizeIs(2));
  EXPECT_EQ(*course.training.last_delivery_to(one.id), (Delivery{.receiver = one.id,
                                                                 .kind = NotificationKind::update_round_start,
                                                                 .round = 0,
                                                                 .outcome = DeliveryOutcome::unreachable,
                                                                 .status = 0,
                                                                 .attempts = 1,
                                                                 .detail = "connection refused",
                                                                 .at = {course.now - 2}}))
      << "its removal, and what it is told of that, came after";
  EXPECT_EQ(course.training.last_delivery_to(two.id)->kind, NotificationKind::training_start);
  EXPECT_EQ(course.training.last_delivery_to(stranger.id), nullptr);
}

TEST(LastDeliveries, KeepWhySomebodyWasRemoved) {
  Course course;
  course.start();
  course.settle(one, NotificationKind::update_round_start, DeliveryOutcome::refused, 500);
  course.settle(one, NotificationKind::client_removed, DeliveryOutcome::delivered, 200);
  EXPECT_EQ(course.training.last_delivery_to(one.id)->status, 500);
}

TEST(LastDeliveries, AreNotKnownOfLogsThatDoNotSayWhatWasDelivered) {
  Course course;
  NotificationSettled settled;
  settled.receiver = one.id;
  evolve(course.training, settled, {1});
  EXPECT_THAT(course.training.last_deliveries, IsEmpty());
}

TEST(WhoStaysUnreachable, EndsATrainingThatHasTooFewWithoutIt) {
  Course course;
  course.training.options.min_updates = 2;
  course.start();
  course.settle(one, NotificationKind::update_round_start, DeliveryOutcome::unreachable, 0);
  EXPECT_EQ(course.training.state, TrainingState::error);
  EXPECT_TRUE(course.training.has_participant(one.id)) << "it may be reached when the training is resumed";
  EXPECT_EQ(course.training.reason, "Participant " + one.id.text() +
                                        " could not be reached with UPDATE_ROUND_START: connection refused. "
                                        "Without it fewer are left than the 2 of the option min_updates.");
}

TEST(WhoStaysUnreachable, IsRemovedWhereEnoughAreLeft) {
  Course course({one.id, two.id, stranger.id});
  course.training.options.min_updates = 2;
  course.start();
  course.settle(one, NotificationKind::update_round_start, DeliveryOutcome::unreachable, 0);
  EXPECT_EQ(course.training.state, TrainingState::ongoing);
  EXPECT_FALSE(course.training.has_participant(one.id));
}

TEST(WhoRefuses, IsRemovedHoweverFewAreLeft) {
  Course course;
  course.training.options.min_updates = 2;
  course.start();
  course.settle(one, NotificationKind::update_round_start, DeliveryOutcome::refused, 500);
  EXPECT_EQ(course.training.state, TrainingState::ongoing);
  EXPECT_FALSE(course.training.has_participant(one.id));
}

TEST(ATrainingInError, TellsItsParticipantsAndItsOwnerWhy) {
  Course course;
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  const auto events = course.not_aggregated("the disk is full");
  EXPECT_THAT(told(events), testing::ElementsAre("TRAINING_FINISHED -> 2", "TRAINING_FINISHED -> 3",
                                                 "TRAINING_FINISHED -> 1"));
  for (const auto& event : events) {
    const auto* requested = std::get_if<NotificationRequested>(&event);
    if (requested == nullptr) continue;
    EXPECT_EQ(requested->notification.reason, course.training.reason);
  }
}

TEST(ATrainingThatIsCompleted, GivesNoReason) {
  Course course({one.id});
  course.start();
  course.update(one, 11);
  course.aggregated(101);
  const auto events = course.test(one);
  EXPECT_FALSE(find<NotificationRequested>(events)->notification.reason);
}

TEST(FedProx, HandsItsMuToTheParticipantsWithEachRound) {
  for (const auto method : {AggregationMethod::fed_prox, AggregationMethod::fed_avg}) {
    Course course({one.id});
    course.training.aggregation_method = method;
    course.training.options.mu = 0.25;
    const auto events = course.start();
    const auto& start = std::get<NotificationRequested>(events[1]).notification;
    const auto& round = std::get<NotificationRequested>(events.back()).notification;
    EXPECT_EQ(start.kind, NotificationKind::training_start);
    EXPECT_FALSE(start.mu);
    EXPECT_EQ(round.kind, NotificationKind::update_round_start);
    EXPECT_EQ(round.mu, method == AggregationMethod::fed_prox ? std::optional(0.25) : std::nullopt);
  }
}

TEST(FedProx, SendsNoMuThatNobodySet) {
  Course course({one.id});
  course.training.aggregation_method = AggregationMethod::fed_prox;
  const auto events = course.start();
  EXPECT_FALSE(std::get<NotificationRequested>(events.back()).notification.mu);
}

TEST(APhase, BeginsWithTheEventThatOpensIt) {
  Course course({one.id});
  course.now = 100;
  course.start();
  const auto opened = course.training.phase_since;
  EXPECT_GT(opened.microseconds, 100);
  course.now = 200;
  course.pause();
  course.resume();
  EXPECT_EQ(course.training.phase_since, opened) << "a pause opens nothing";
  course.now = 300;
  course.update(one, 11);
  EXPECT_GT(course.training.phase_since.microseconds, 300);
}

}  // namespace
}  // namespace fedlog::domain
