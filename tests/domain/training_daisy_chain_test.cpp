#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/domain/training_course.h"

// Daisy chaining: between aggregations each participant goes on with one of the local models.
namespace fedlog::domain {
namespace {

using namespace test;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const Caller three{user(4), false};

// After round 0 of a period of two rounds; `seed` decides who goes on with whose model.
Course passed_on(std::uint64_t seed = 1) {
  auto course = Course::daisy_chain({one.id, two.id, three.id}, 2, 2);
  course.chance = {seed};
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  course.update(three, 13);
  return course;
}

std::vector<ModelId> order_of(const Course& course) {
  std::vector<ModelId> order;
  for (const auto& each : course.training.passed_on) order.push_back(each.model);
  return order;
}

std::string name(ModelId model) {
  return std::to_string(model.uuid.bytes[15]);
}

TEST(ADaisyChain, OpensTheNextRoundWithTheLocalModelsInARecordedOrder) {
  auto course = Course::daisy_chain({one.id, two.id}, 2, 2);
  course.start();
  course.update(two, 12);
  const auto events = course.update(one, 11);
  EXPECT_FALSE(pending_aggregation(course.training));
  EXPECT_EQ(course.training.round, 1);
  EXPECT_EQ(course.training.phase, Phase::updating);
  EXPECT_EQ(course.training.weights, blob(100)) << "nothing was aggregated";
  EXPECT_THAT(course.training.updates, IsEmpty());
  ASSERT_TRUE(holds<ModelsPassedOn>(events));
  ASSERT_THAT(told(events), ElementsAre("UPDATE_ROUND_START 1 -> 2", "UPDATE_ROUND_START 1 -> 3"));
  std::map<UserId, ModelId> given;
  for (const auto& event : events) {
    if (const auto* requested = std::get_if<NotificationRequested>(&event)) {
      given[requested->notification.receiver] = requested->notification.model;
    }
  }
  EXPECT_EQ(given[one.id], course.training.model_for(one.id));
  EXPECT_EQ(given[two.id], course.training.model_for(two.id));
}

TEST(ADaisyChain, GivesEveryLocalModelToOneParticipantInAnyOrder) {
  std::set<std::vector<ModelId>> orders;
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    const auto order = order_of(passed_on(seed));
    EXPECT_THAT(order, testing::UnorderedElementsAre(test::model(11), test::model(12), test::model(13)));
    orders.insert(order);
  }
  EXPECT_THAT(orders, SizeIs(6)) << "all permutations of three, the ones that leave some in place too";
}

TEST(ADaisyChain, ComesToTheSameOrderByTheSameChance) {
  EXPECT_EQ(passed_on(5).training, passed_on(5).training);
}

TEST(ADaisyChain, IsTheSameWhenItsEventsAreReplayedWithoutChance) {
  auto course = Course::daisy_chain({one.id, two.id, three.id}, 2, 2);
  auto replayed = course.training;
  auto now = course.now;
  const auto both = [&](const TrainingEvents& events) {
    for (const auto& event : events) evolve(replayed, event, Timestamp{++now});
  };
  course.chance = {77};
  both(course.start());
  both(course.update(one, 11));
  both(course.update(two, 12));
  both(course.update(three, 13));
  EXPECT_EQ(replayed, course.training);
  both(course.run(RemoveParticipants{owner, {two.id}}));
  both(course.update(one, 14));
  both(course.update(three, 15));
  both(course.aggregated(101));
  EXPECT_EQ(replayed, course.training);
}

TEST(ADaisyChain, AggregatesAtTheEndOfEachPeriodAndTestsThen) {
  auto course = Course::daisy_chain({one.id, two.id}, 2, 4);
  course.start();
  for (std::int64_t period = 0; period < 2; ++period) {
    course.update(one, 11);
    course.update(two, 12);
    EXPECT_FALSE(pending_aggregation(course.training));
    course.update(one, 13, 2);
    course.update(two, 14, 6);
    const auto aggregation = pending_aggregation(course.training);
    ASSERT_TRUE(aggregation);
    EXPECT_EQ(aggregation->round, 2 * period + 1);
    EXPECT_THAT(aggregation->updates, ElementsAre(Update{one.id, test::model(13), blob(13), 2},
                                                  Update{two.id, test::model(14), blob(14), 6}));
    course.aggregated(101);
    EXPECT_THAT(course.training.passed_on, IsEmpty());
    EXPECT_EQ(course.training.model_for(one.id), global);
    course.test(one);
    course.test(two);
  }
  EXPECT_EQ(course.training.state, TrainingState::completed);
  EXPECT_EQ(course.training.round, 4);
}

TEST(ADaisyChain, OfPeriodOneAggregatesEveryRound) {
  auto course = Course::daisy_chain({one.id}, 1, 1);
  course.start();
  course.update(one, 11);
  EXPECT_TRUE(pending_aggregation(course.training));
}

TEST(ADaisyChain, OfOneParticipantGoesOnWithItsOwnModel) {
  auto course = Course::daisy_chain({one.id}, 2, 2);
  course.start();
  course.update(one, 11);
  EXPECT_EQ(course.training.model_for(one.id), test::model(11));
  course.update(one, 12);
  EXPECT_TRUE(pending_aggregation(course.training));
}

TEST(ADaisyChain, TakesUpdatesUnderTheGlobalModelAndTheOneThatWasGiven) {
  const auto course = passed_on();
  for (const auto& caller : {one, two, three}) {
    const auto given = course.training.model_for(caller.id);
    EXPECT_TRUE(check_may_update(course.training, caller, global, 1));
    EXPECT_TRUE(check_may_update(course.training, caller, given, 1));
    for (const auto& model : order_of(course)) {
      if (model == given) continue;
      const auto refused = check_may_update(course.training, caller, model, 1);
      ASSERT_FALSE(refused) << name(model);
      EXPECT_EQ(refused.error().reason, Reason::no_training_for_model);
    }
    EXPECT_EQ(check_may_update(course.training, caller, given, 0).error().reason, Reason::wrong_round);
  }
}

TEST(ADaisyChain, TakesMetricsOfAModelThatWasPassedOnForItsOwnRound) {
  auto course = passed_on();
  const auto events = course.run(ReportMetrics{one, course.training.model_for(one.id), {}});
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(std::get<MetricsReported>(events[0]).step, 0);
}

TEST(ADaisyChain, GivesWhoJoinsTheGlobalModel) {
  auto course = passed_on();
  const auto events = course.run(AddParticipants{owner, {stranger.id}});
  EXPECT_THAT(told(events), ElementsAre("TRAINING_START -> 9", "UPDATE_ROUND_START 1 -> 9"));
  EXPECT_EQ(std::get<NotificationRequested>(events.back()).notification.model, global);
  EXPECT_TRUE(check_may_update(course.training, stranger, global, 1));
  course.update(one, 14);
  course.update(two, 15);
  course.update(three, 16);
  EXPECT_FALSE(pending_aggregation(course.training)) << "the new one is waited for";
  course.update(stranger, 17);
  EXPECT_TRUE(pending_aggregation(course.training));
}

TEST(ADaisyChain, PassesOnAmongThoseWhoAreLeftWhenTheLastMissingIsRemoved) {
  auto course = Course::daisy_chain({one.id, two.id, three.id}, 2, 2);
  course.start();
  course.update(one, 11);
  course.update(three, 13);
  const auto events = course.run(RemoveParticipants{owner, {two.id}});
  EXPECT_THAT(told(events),
              ElementsAre("CLIENT_REMOVED -> 3", "UPDATE_ROUND_START 1 -> 2", "UPDATE_ROUND_START 1 -> 4"));
  EXPECT_THAT(order_of(course), testing::UnorderedElementsAre(test::model(11), test::model(13)));
}

TEST(ADaisyChain, PassesOnAmongThoseWhoAreLeftWhenTheLastMissingRefuses) {
  auto course = Course::daisy_chain({one.id, two.id}, 2, 2);
  course.start();
  course.update(one, 11);
  course.settle(two, NotificationKind::update_round_start, DeliveryOutcome::refused, 500);
  EXPECT_EQ(course.training.round, 1);
  EXPECT_THAT(order_of(course), ElementsAre(test::model(11)));
}

TEST(ADaisyChain, KeepsTheModelOfWhoIsRemovedForWhoGoesOnWithIt) {
  auto course = passed_on();
  const auto gone = course.training.passed_on.front();  // its receiver will be removed
  course.run(RemoveParticipants{owner, {gone.participant}});
  EXPECT_THAT(course.training.passed_on, SizeIs(2));
  EXPECT_FALSE(course.training.is_passed_on(gone.model)) << "nobody goes on with it any more";
  for (const auto& each : course.training.passed_on) EXPECT_NE(each.participant, gone.participant);
  course.run(AddParticipants{owner, {gone.participant}});
  EXPECT_EQ(course.training.model_for(gone.participant), global) << "as for everyone who joins";
}

TEST(ADaisyChain, AggregatesWhenTheLastMissingOfItsLastRoundIsRemoved) {
  auto course = passed_on();
  course.update(one, 14);
  course.update(two, 15);
  course.settle(three, NotificationKind::update_round_start, DeliveryOutcome::unreachable, 0);
  ASSERT_TRUE(pending_aggregation(course.training));
  EXPECT_THAT(pending_aggregation(course.training)->updates, SizeIs(2));
}

TEST(ADaisyChain, ReplacesAnUpdateUntilTheModelsArePassedOn) {
  auto course = Course::daisy_chain({one.id, two.id}, 2, 2);
  course.start();
  course.update(one, 11);
  course.update(one, 13);
  course.update(two, 12);
  EXPECT_THAT(order_of(course), testing::UnorderedElementsAre(test::model(12), test::model(13)));
  EXPECT_EQ(course.reject(SubmitUpdate{one, test::model(14), 0, 1, blob(14), {}}).reason,
            Reason::wrong_round);
}

TEST(ADaisyChain, NeverPassesOnWhatNobodySent) {
  auto course = passed_on();
  EXPECT_THROW(evolve(course.training, ModelsPassedOn{2, order_of(course)}, Timestamp{9}), std::logic_error);
  course.update(one, 14);
  course.update(two, 15);
  EXPECT_THROW(evolve(course.training, ModelsPassedOn{2, {test::model(14)}}, Timestamp{9}), std::logic_error)
      << "one of them would be lost";
}

}  // namespace
}  // namespace fedlog::domain
