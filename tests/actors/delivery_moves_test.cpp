#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/delivery_schedule.h"
#include "tests/actors/deliveries.h"

// Deliveries whose receiver changes its endpoint meanwhile.
namespace fedlog::actors {
namespace {

using namespace testing;
using domain::DeliveryOutcome;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using State = PendingDelivery::State;

TEST_F(Deliveries, AreTriedAtOnceWhenTheirReceiverMoves) {
  add(2, 1);
  add(2, 9);
  EXPECT_FALSE(conclude(next(), no_answer).has_value());
  EXPECT_FALSE(conclude(next(), polls).has_value());
  EXPECT_THAT(all_next(), IsEmpty());
  schedule->endpoint_changed(user_id(2), now);
  EXPECT_THAT(all_next(), ElementsAre(1U, 2U));
}

TEST_F(Deliveries, ThatFailWhileTheirReceiverMovesAreTriedAtOnce) {
  for (const auto obstacle : {Obstacle::none, Obstacle::no_target, Obstacle::polls}) {
    add(2, 1);
    const auto made = next();
    schedule->endpoint_changed(user_id(2), now);
    EXPECT_FALSE(conclude(made, {.status = 0, .problem = "not there", .obstacle = obstacle}).has_value());
    EXPECT_EQ(next(), made);
    EXPECT_FALSE(conclude(made, no_answer).has_value());
    EXPECT_EQ(next(), 0U) << "once";
    now = schedule->next_due().value();
    next();
    finish(made);
    now += options().move_pause;
  }
}

TEST_F(Deliveries, ThatAreRefusedWhereTheirReceiverIsNoMoreAreTriedWhereItIs) {
  add(2, 1);
  const auto made = next();
  schedule->endpoint_changed(user_id(2), now);
  EXPECT_FALSE(conclude(made, {.status = 404, .problem = {}}).has_value());
  EXPECT_EQ(pending(2, 1)->last.problem, "the endpoint was changed meanwhile");
  EXPECT_EQ(next(), made);
  const auto settlement = conclude(made, {.status = 404, .problem = {}});
  ASSERT_TRUE(settlement.has_value());
  EXPECT_EQ(settlement->outcome, DeliveryOutcome::refused);
}

TEST_F(Deliveries, ThatWereAcceptedBeforeTheirReceiverMovedAreDelivered) {
  add(2, 1);
  const auto made = next();
  schedule->endpoint_changed(user_id(2), now);
  finish(made);
}

TEST_F(Deliveries, AreTriedAtOnceNotForEveryOneOfManyMoves) {
  add(2, 1);
  EXPECT_FALSE(conclude(next(), no_answer).has_value());
  schedule->endpoint_changed(user_id(2), now);
  EXPECT_FALSE(conclude(next(), polls).has_value());
  for (int second = 1; second < 10; ++second) {
    now += seconds{1};
    schedule->endpoint_changed(user_id(2), now);
    EXPECT_EQ(next(), 0U) << second;
  }
  now += seconds{1};
  EXPECT_EQ(next(), 1U) << "the last of them is followed, too";
  EXPECT_FALSE(conclude(1, polls).has_value());
  schedule->endpoint_changed(user_id(2), now);
  EXPECT_EQ(until_due(), seconds{10});
}
}  // namespace
}  // namespace fedlog::actors
