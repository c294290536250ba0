#include "domain/training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "domain/training_refusals.h"
#include "tests/domain/training_course.h"

namespace fedlog::domain {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST(Training, TellsEveryParticipantThatItStartsAndThatRoundZeroDoes) {
  Course course;
  EXPECT_THAT(told(course.start()), ElementsAre("TRAINING_START -> 2", "TRAINING_START -> 3",
                                                "UPDATE_ROUND_START 0 -> 2", "UPDATE_ROUND_START 0 -> 3"));
  EXPECT_EQ(course.training.state, TrainingState::ongoing);
  EXPECT_EQ(course.training.phase, Phase::updating);
}

TEST(Training, IsStartedOnceByItsActorAndWithParticipants) {
  Course course;
  EXPECT_EQ(course.reject(StartTraining{stranger}).reason, Reason::permission_denied);
  EXPECT_EQ(course.reject(StartTraining{one}).reason, Reason::permission_denied);
  course.start();
  EXPECT_EQ(course.reject(StartTraining{owner}).reason, Reason::already_started);
  EXPECT_EQ(Course(std::vector<UserId>{}).reject(StartTraining{owner}).reason, Reason::no_participants);
}

TEST(Training, ClosesARoundWhenTheLastUpdateIsThereInTheOrderOfJoining) {
  Course course;
  course.start();
  EXPECT_FALSE(pending_aggregation(course.training));
  course.update(two, 12, 3);
  EXPECT_FALSE(pending_aggregation(course.training));
  const auto events = course.update(one, 11, 1);
  ASSERT_TRUE(holds<RoundClosed>(events));
  const auto aggregation = pending_aggregation(course.training);
  ASSERT_TRUE(aggregation);
  EXPECT_EQ(aggregation->base, blob(100));
  ASSERT_THAT(aggregation->updates, SizeIs(2));
  EXPECT_EQ(aggregation->updates[0], (Update{one.id, test::model(11), blob(11), 1}));
  EXPECT_EQ(aggregation->updates[1], (Update{two.id, test::model(12), blob(12), 3}));
}

TEST(Training, ReplacesAnUpdateUntilTheRoundIsClosed) {
  Course course;
  course.start();
  course.update(one, 11);
  course.update(one, 13, 5);
  ASSERT_THAT(course.training.updates, SizeIs(1));
  EXPECT_EQ(course.training.updates[0].weights, blob(13));
  course.update(two, 12);
  EXPECT_EQ(course.reject(SubmitUpdate{one, test::model(14), 0, 1, blob(14), {}}).reason,
            Reason::wrong_round);
}

TEST(Training, RefusesUpdatesThatDoNotFit) {
  Course course;
  const auto update = [&](const Caller& by, std::int64_t round, std::int64_t size) {
    return SubmitUpdate{by, test::model(11), round, size, blob(11), {}};
  };
  EXPECT_EQ(course.reject(update(one, 0, 1)).message,
            "Training with ID " + course.training.id.text() + " is in state I");
  course.start();
  EXPECT_EQ(course.reject(update(stranger, 0, 1)).reason, Reason::permission_denied);
  EXPECT_EQ(course.reject(update(one, 1, 1)).message,
            "Training with ID " + course.training.id.text() + " is not currently in round 1");
  EXPECT_EQ(course.reject(update(one, 0, 0)).field, "sample_size");
  EXPECT_EQ(course.reject(update(one, 0, -5)).field, "sample_size");
  EXPECT_TRUE(course.accepts(update(one, 0, sample_size_max)));
  EXPECT_EQ(course.reject(update(one, 0, sample_size_max + 1)).message,
            "Ensure this value is less than or equal to 4503599627370.");
}

TEST(Training, TestsTheAggregatedModelAndThenOpensTheNextRound) {
  Course course({one.id, two.id}, 2);
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  EXPECT_THAT(told(course.aggregated(101)),
              ElementsAre("MODEL_TEST_ROUND 1 -> 2", "MODEL_TEST_ROUND 1 -> 3"));
  EXPECT_EQ(course.training.weights, blob(101));
  EXPECT_THAT(course.training.updates, IsEmpty());
  EXPECT_THAT(told(course.test(one)), IsEmpty());
  EXPECT_THAT(told(course.test(one)), IsEmpty()) << "a second report of the same participant does not count";
  EXPECT_THAT(told(course.test(two)), ElementsAre("UPDATE_ROUND_START 1 -> 2", "UPDATE_ROUND_START 1 -> 3"));
  EXPECT_EQ(course.training.round, 1);
}

TEST(Training, CompletesAfterTheLastTestAndTellsItsActorToo) {
  Course course;
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  course.aggregated(101);
  course.test(two);
  EXPECT_THAT(told(course.test(one)),
              ElementsAre("TRAINING_FINISHED -> 2", "TRAINING_FINISHED -> 3", "TRAINING_FINISHED -> 1"));
  EXPECT_EQ(course.training.state, TrainingState::completed);
  EXPECT_THAT(course.test(one), SizeIs(1)) << "metrics are taken afterwards, too";
}

TEST(Training, TellsAnActorThatTakesPartOnlyOnceThatItIsFinished) {
  Course course({owner.id});
  course.start();
  course.update(owner, 11);
  course.aggregated(101);
  EXPECT_THAT(told(course.test(owner)), ElementsAre("TRAINING_FINISHED -> 1"));
}

TEST(Training, DoesNotCountTheMetricsOfOthersAsTests) {
  Course course({one.id});
  course.start();
  course.update(one, 11);
  course.aggregated(101);
  course.test(owner);
  EXPECT_EQ(course.training.state, TrainingState::ongoing);
}

TEST(Training, RecordsAnAggregationOnlyOnce) {
  Course course;
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  course.aggregated(101);
  EXPECT_THAT(course.aggregated(102), IsEmpty());
  EXPECT_EQ(course.training.weights, blob(101));
}

TEST(Training, FailsWithTheReasonWhenItCannotBeAggregated) {
  Course course;
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  course.not_aggregated("the disk is full");
  EXPECT_EQ(course.training.state, TrainingState::error);
  EXPECT_THAT(course.training.reason, HasSubstr("the disk is full"));
}

TEST(Training, IsDeletedByItsActorOrWithItsModelByTheModelsOwner) {
  Course course;
  EXPECT_EQ(course.reject(DeleteTraining{one, {}}).message, "You are not the owner the training.");
  EXPECT_EQ(course.reject(DeleteTraining{stranger, user(1)}).reason, Reason::permission_denied);
  EXPECT_TRUE(course.accepts(DeleteTraining{stranger, stranger.id}));
  course.run(DeleteTraining{owner, {}});
  EXPECT_EQ(course.reject(StartTraining{owner}).reason, Reason::training_not_found);
}

TEST(Training, TakesMetricsOfItsLocalModelsToo) {
  Course course;
  course.start();
  course.update(one, 11);
  EXPECT_TRUE(course.accepts(ReportMetrics{one, test::model(11), {}}));
  EXPECT_EQ(course.reject(ReportMetrics{one, test::model(99), {}}).reason, Reason::model_not_found);
}

TEST(Training, RefusesToStartFromARoundThatCannotBeCountedOn) {
  Course course;
  course.training.round = (std::int64_t{1} << 52) + 1;
  EXPECT_EQ(course.reject(StartTraining{owner}).reason, Reason::invalid_request);
  --course.training.round;
  EXPECT_TRUE(course.accepts(StartTraining{owner}));
}

TEST(Training, RefusesToStartAModelWithoutWeights) {
  Course course;
  course.training.weights.reset();
  EXPECT_EQ(course.reject(StartTraining{owner}).reason, Reason::no_file);
}

TEST(Training, NeverMakesAnIllegalTransition) {
  Training training;
  EXPECT_THROW(evolve(training, TrainingCompleted{}, Timestamp{1}), std::logic_error);
}

TEST(Training, IsTheSameWhenItsEventsAreReplayed) {
  Course course({one.id, two.id}, 2);
  Training replayed;
  std::int64_t now = 0;
  const auto both = [&](const TrainingEvents& events) {
    for (const auto& event : events) evolve(replayed, event, Timestamp{++now});
  };
  evolve(replayed,
         TrainingCreated{
             course.training.id, global, 2, owner.id, 2, 0, {}, {}, {}, {one.id, two.id}, blob(100), {}},
         Timestamp{++now});
  both(course.start());
  both(course.update(one, 11));
  both(course.update(two, 12));
  both(course.aggregated(101));
  both(course.test(one));
  both(course.settle(two, NotificationKind::model_test_round, DeliveryOutcome::refused, 500));
  EXPECT_EQ(replayed, course.training);
}

}  // namespace
}  // namespace fedlog::domain
