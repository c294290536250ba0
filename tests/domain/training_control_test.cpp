#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/domain/training_course.h"

// What people do to a training on its way: they cancel, pause and resume it, leave it and join it.
namespace fedlog::domain {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Of the notifications in the events, the reasons.
std::vector<std::string> reasons(const TrainingEvents& events) {
  std::vector<std::string> found;
  for (const auto& event : events) {
    const auto* requested = std::get_if<NotificationRequested>(&event);
    if (requested != nullptr) found.push_back(requested->notification.reason.value_or("none"));
  }
  return found;
}

// --- cancel

TEST(CancelTraining, EndsItForGoodFromEveryStateBeforeTheEnd) {
  for (auto course : {Course(), updating(), aggregating(), collecting(), averaging(), tested()}) {
    course.run(CancelTraining{owner});
    EXPECT_EQ(course.training.state, TrainingState::error);
    EXPECT_EQ(course.training.phase, Phase::idle);
    EXPECT_TRUE(course.training.cancelled);
    EXPECT_EQ(course.training.reason, "Cancelled by its owner.");
    for (const TrainingCommand& command :
         {TrainingCommand{ResumeTraining{owner}}, TrainingCommand{CancelTraining{owner}},
          TrainingCommand{PauseTraining{owner}}, TrainingCommand{AddParticipants{owner, {stranger.id}}}}) {
      const auto refused = course.reject(command);
      EXPECT_EQ(refused.reason, Reason::wrong_state);
      EXPECT_EQ(refused.hint, "The training was cancelled.");
    }
  }
}

TEST(CancelTraining, TellsEverybodyWhy) {
  auto course = updating();
  const auto events = course.run(CancelTraining{superuser});
  EXPECT_THAT(told(events),
              ElementsAre("TRAINING_FINISHED -> 2", "TRAINING_FINISHED -> 3", "TRAINING_FINISHED -> 1"));
  EXPECT_THAT(reasons(events), testing::Each("Cancelled by a superuser."));
}

TEST(CancelTraining, IsForTheOwnerAndSuperusersBeforeTheEnd) {
  auto course = updating();
  EXPECT_EQ(course.reject(CancelTraining{one}).reason, Reason::permission_denied);
  EXPECT_EQ(course.reject(CancelTraining{stranger}).reason, Reason::permission_denied);
  course = tested();
  course.test(one);
  course.test(two);
  EXPECT_EQ(course.reject(CancelTraining{owner}).reason, Reason::wrong_state);
}

TEST(CancelTraining, LeavesNothingToBeDoneByTheServer) {
  auto course = aggregating();
  course.run(CancelTraining{owner});
  EXPECT_FALSE(pending_aggregation(course.training));
  EXPECT_THAT(course.aggregated(101), IsEmpty()) << "it came too late";
  course = averaging();
  course.run(CancelTraining{owner});
  EXPECT_FALSE(pending_averaging(course.training));
}

// --- pause

TEST(PauseTraining, IsForTheOwnerAndSuperusersWhileItRuns) {
  Course course;
  EXPECT_EQ(course.reject(PauseTraining{owner}).reason, Reason::wrong_state);
  course.start();
  EXPECT_EQ(course.reject(PauseTraining{one}).reason, Reason::permission_denied);
  EXPECT_TRUE(course.accepts(PauseTraining{superuser}));
  EXPECT_THAT(course.pause(), SizeIs(1));
  EXPECT_THAT(course.pause(), IsEmpty()) << "it is paused already";
}

TEST(PauseTraining, KeepsUpdatesAndGoesOnWithThemWhenResumed) {
  auto course = updating();
  course.pause();
  course.update(one, 11);
  EXPECT_THAT(course.update(two, 12), SizeIs(1)) << "nothing but the update";
  EXPECT_EQ(course.training.phase, Phase::updating);
  EXPECT_TRUE(holds<RoundClosed>(course.resume()));
  EXPECT_THAT(pending_aggregation(course.training)->updates, SizeIs(2));
}

TEST(PauseTraining, KeepsMomentsAndGoesOnWithThemWhenResumed) {
  auto course = collecting();
  course.pause();
  course.moments(one, 21);
  course.moments(two, 22);
  EXPECT_EQ(course.training.phase, Phase::collecting);
  EXPECT_TRUE(holds<SwagRoundClosed>(course.resume()));
}

TEST(PauseTraining, KeepsTestsAndGoesOnWithThemWhenResumed) {
  auto course = tested();
  course.pause();
  course.test(one);
  course.test(two);
  EXPECT_EQ(course.training.state, TrainingState::ongoing);
  EXPECT_TRUE(holds<TrainingCompleted>(course.resume()));
}

TEST(PauseTraining, TakesNoAggregationAndAsksForItAgainWhenResumed) {
  auto course = aggregating();
  course.pause();
  EXPECT_FALSE(pending_aggregation(course.training));
  EXPECT_THAT(course.aggregated(101), IsEmpty());
  EXPECT_THAT(told(course.resume()), IsEmpty()) << "nobody is waited for";
  EXPECT_TRUE(pending_aggregation(course.training));
  course.aggregated(101);
  EXPECT_EQ(course.training.phase, Phase::testing);
}

TEST(PauseTraining, TakesNoAverageAndAsksForItAgainWhenResumed) {
  auto course = averaging();
  course.pause();
  EXPECT_FALSE(pending_averaging(course.training));
  EXPECT_THAT(course.averaged(30), IsEmpty());
  course.resume();
  EXPECT_TRUE(pending_averaging(course.training));
}

TEST(PauseTraining, StopsTheDeadlineAndResumingSetsItAnew) {
  Course course;
  course.training.options.round_deadline_s = 10;
  course.start();
  const auto deadline = *course.training.deadline;
  course.pause();
  EXPECT_FALSE(course.training.deadline);
  EXPECT_THAT(course.run(ExpireDeadline{deadline}), IsEmpty());
  course.now += 1'000'000'000;
  course.resume();
  EXPECT_GT(course.training.deadline->microseconds, course.now);
}

TEST(PauseTraining, RemovesNobodyWhoRefusesOrCannotBeReachedMeanwhile) {
  auto course = updating();
  course.training.options.on_unreachable = OnUnreachable::error;
  course.pause();
  course.settle(one, NotificationKind::update_round_start, DeliveryOutcome::refused, 500);
  course.settle(two, NotificationKind::update_round_start, DeliveryOutcome::unreachable, 0);
  EXPECT_THAT(course.training.participants, SizeIs(2)) << "they are asked again when it is resumed";
  EXPECT_EQ(course.training.state, TrainingState::ongoing);
}

TEST(PauseTraining, WaitsForItsOwnerEvenWhenNobodyIsLeft) {
  auto course = updating();
  course.pause();
  course.run(RemoveParticipants{owner, {one.id, two.id}});
  EXPECT_EQ(course.training.state, TrainingState::ongoing);
  const auto refused = course.reject(ResumeTraining{owner});
  EXPECT_EQ(refused.reason, Reason::no_participants);
  EXPECT_THAT(refused.hint, HasSubstr("Add participants first"));
  EXPECT_THAT(told(course.run(AddParticipants{owner, {stranger.id}})), ElementsAre("TRAINING_START -> 9"))
      << "its round comes when it is resumed";
  EXPECT_THAT(told(course.resume()), ElementsAre("UPDATE_ROUND_START 0 -> 9"));
}

TEST(PauseTraining, CanBeCancelled) {
  auto course = updating();
  course.pause();
  course.run(CancelTraining{owner});
  EXPECT_EQ(course.training.state, TrainingState::error);
  EXPECT_FALSE(course.training.paused);
}

// --- leave and join

TEST(LeaveTraining, RemovesWhoAsksAndTellsItNothing) {
  auto course = updating();
  course.update(one, 11);
  const auto events = course.run(LeaveTraining{two});
  EXPECT_EQ(*find<ParticipantRemoved>(events), (ParticipantRemoved{two.id, "left"}));
  EXPECT_THAT(told(events), IsEmpty());
  EXPECT_TRUE(pending_aggregation(course.training)) << "nobody else was waited for";
}

TEST(LeaveTraining, EndsTheWaitOfEveryPhaseForWhoWasTheLast) {
  auto course = collecting();
  course.moments(one, 21);
  course.run(LeaveTraining{two});
  EXPECT_EQ(course.training.phase, Phase::averaging);
  course = tested();
  course.test(one);
  course.run(LeaveTraining{two});
  EXPECT_EQ(course.training.state, TrainingState::completed);
}

TEST(LeaveTraining, EndsATrainingThatNobodyIsLeftIn) {
  auto course = updating();
  course.run(LeaveTraining{one});
  EXPECT_THAT(told(course.run(LeaveTraining{two})), ElementsAre("TRAINING_FINISHED -> 1"));
  EXPECT_EQ(course.training.state, TrainingState::error);
}

TEST(LeaveTraining, IsPossibleBeforeTheStartAndForParticipantsOnly) {
  Course course;
  EXPECT_EQ(course.reject(LeaveTraining{stranger}).reason, Reason::permission_denied);
  EXPECT_EQ(course.reject(LeaveTraining{owner}).reason, Reason::permission_denied);
  course.run(LeaveTraining{one});
  EXPECT_THAT(course.training.participants, ElementsAre(two.id));
}

TEST(JoinTraining, IsForEverybodyWhereTheTrainingIsOpenToIt) {
  auto course = updating();
  const auto refused = course.reject(JoinTraining{stranger});
  EXPECT_EQ(refused.reason, Reason::permission_denied);
  EXPECT_THAT(refused.message, HasSubstr("ask its owner"));
  course.training.options.open_to_join = true;
  EXPECT_THAT(told(course.run(JoinTraining{stranger})),
              ElementsAre("TRAINING_START -> 9", "UPDATE_ROUND_START 0 -> 9"));
  EXPECT_THAT(course.run(JoinTraining{stranger}), IsEmpty()) << "it takes part already";
}

TEST(JoinTraining, IsRefusedAfterTheEndAndWhenTheTrainingIsFull) {
  auto course = tested();
  course.training.options.open_to_join = true;
  course.test(one);
  course.test(two);
  EXPECT_EQ(course.reject(JoinTraining{stranger}).reason, Reason::wrong_state);
  std::vector<UserId> many(2000);
  for (std::size_t index = 0; index < many.size(); ++index) {
    many[index].uuid.bytes = {1, static_cast<std::uint8_t>(index >> 8), static_cast<std::uint8_t>(index)};
  }
  Course full(many);
  full.training.options.open_to_join = true;
  EXPECT_EQ(full.reject(JoinTraining{stranger}).field, "clients");
}

}  // namespace
}  // namespace fedlog::domain
