#include "actors/delivery_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "tests/actors/deliveries.h"

namespace fedlog::actors {
namespace {

using namespace testing;
using domain::DeliveryOutcome;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Lt;
using ::testing::SizeIs;
using State = PendingDelivery::State;

TEST_F(Deliveries, OfATrainingGoToAReceiverOneAfterTheOther) {
  add(2, 1);
  add(2, 1);
  EXPECT_THAT(all_next(), ElementsAre(1U));
  const auto settlement = conclude(1, accepted);
  ASSERT_TRUE(settlement.has_value());
  EXPECT_EQ(settlement->outcome, DeliveryOutcome::delivered);
  EXPECT_EQ(settlement->status, 200);
  EXPECT_EQ(settlement->attempts, 1);
  EXPECT_THAT(all_next(), IsEmpty()) << "the one before is not recorded yet";
  schedule->recorded(settlement->row, now);
  EXPECT_THAT(all_next(), ElementsAre(2U));
}

TEST_F(Deliveries, ThatAreAllRecordedLeaveNothingToDo) {
  add(2, 1);
  next();
  finish(1);
  EXPECT_FALSE(schedule->next_due().has_value());
  EXPECT_FALSE(pending(2, 1).has_value());
}

TEST_F(Deliveries, BeginWithWhatHasWaitedLongest) {
  use({.retry = {}, .concurrency = 1, .concurrency_per_receiver = 1});
  add(4, 1);
  now += seconds{1};
  add(3, 1);
  now += seconds{1};
  add(2, 1);
  std::vector<std::uint64_t> order;
  while (const auto made = next()) {
    order.push_back(made);
    finish(made);
  }
  EXPECT_THAT(order, ElementsAre(1U, 2U, 3U));
}

TEST_F(Deliveries, AreNoMoreAtOnceThanAllowed) {
  for (std::uint8_t user = 1; user <= 20; ++user) {
    add(user, 1);
    next();
    finish(user);
  }
  for (std::uint8_t user = 1; user <= 20; ++user) add(user, 1);
  EXPECT_THAT(all_next(), SizeIs(8));
  EXPECT_FALSE(schedule->next_due().has_value()) << "before one of them ends";
  finish(24);
  EXPECT_THAT(all_next(), SizeIs(1));
}

TEST_F(Deliveries, ToReceiversThatWereNotAskedYetLeaveAQuarterToThoseThatAnswer) {
  add(1, 1);
  next();
  finish(1);
  for (std::uint8_t user = 2; user <= 20; ++user) add(user, 1);
  EXPECT_THAT(all_next(), SizeIs(6));
  EXPECT_FALSE(schedule->next_due().has_value());
  add(1, 1);
  EXPECT_THAT(all_next(), ElementsAre(21U));
}

TEST_F(Deliveries, ToReceiversOfOnePlaceThatDoesNotAnswerAreAQuarterOfAllAtMost) {
  auto changed = options();
  changed.place_of = [](domain::UserId user) { return user < user_id(20) ? "dead" : ""; };
  use(changed);
  for (std::uint8_t user = 1; user < 20; ++user) add(user, 1);
  EXPECT_THAT(all_next(), ElementsAre(1U, 2U));
  add(20, 1);
  EXPECT_THAT(all_next(), ElementsAre(20U));
  EXPECT_FALSE(conclude(1, no_answer).has_value());
  EXPECT_THAT(all_next(), ElementsAre(3U)) << "the next of that place";
  finish(2);
  add(2, 1);
  EXPECT_THAT(all_next(), ElementsAre(21U, 4U)) << "who answers is not held back";
}

TEST_F(Deliveries, ToReceiversOfAnotherPlaceAreNotHeldBackAnyMore) {
  auto changed = options();
  std::string place = "dead";
  changed.place_of = [&](domain::UserId user) { return user == user_id(3) ? place : "dead"; };
  use(changed);
  for (std::uint8_t user = 1; user <= 3; ++user) add(user, 1);
  EXPECT_THAT(all_next(), ElementsAre(1U, 2U));
  place = "alive";
  schedule->endpoint_changed(user_id(3), now);
  EXPECT_THAT(all_next(), ElementsAre(3U));
}

TEST_F(Deliveries, ToOneReceiverAreFewHoweverManyTrainingsWait) {
  for (std::uint8_t training = 1; training <= 50; ++training) add(2, training);
  add(3, 1);
  EXPECT_THAT(all_next(), ElementsAre(1U, 2U, 51U));
  finish(2);
  EXPECT_THAT(all_next(), ElementsAre(3U));
}

TEST_F(Deliveries, ToReceiversThatDoNotAnswerAreHalfOfAllAtMost) {
  use({.retry = {.first = milliseconds{10}, .max = milliseconds{10}, .span = seconds{60}},
       .concurrency = 4,
       .concurrency_per_receiver = 2});
  for (std::uint8_t user = 1; user <= 4; ++user) {
    add(user, 1);
    EXPECT_FALSE(conclude(next(), no_answer).has_value());
  }
  add(5, 1);
  finish(next());
  now += seconds{1};
  EXPECT_THAT(all_next(), SizeIs(2));
  EXPECT_FALSE(schedule->next_due().has_value());
  add(6, 1);
  EXPECT_THAT(all_next(), ElementsAre(6U)) << "it was not asked yet";
  add(5, 1);
  EXPECT_THAT(all_next(), ElementsAre(7U)) << "it answers";
}

TEST_F(Deliveries, ThatFailWaitTwiceAsLongEachTime) {
  add(2, 1);
  const std::vector<std::pair<int, int>> bounds{
      {500, 1000}, {1000, 2000}, {2000, 4000}, {4000, 8000}, {4000, 8000}};
  for (const auto& [from, to] : bounds) {
    const auto made = next();
    ASSERT_NE(made, 0U);
    EXPECT_FALSE(conclude(made, no_answer, 0.0).has_value());
    EXPECT_EQ(until_due(), milliseconds{from});
    now += until_due() - milliseconds{1};
    EXPECT_EQ(next(), 0U);
    now += milliseconds{1};
  }
  for (const double random : {0.25, 0.999999}) {
    use(options());
    add(2, 1);
    EXPECT_FALSE(conclude(next(), no_answer, random).has_value());
    EXPECT_THAT(until_due(), Ge(milliseconds{500}));
    EXPECT_THAT(until_due(), Lt(milliseconds{1000}));
  }
}

TEST_F(Deliveries, HaveAnUnreachableReceiverOnceTheSpanIsOver) {
  add(2, 1);
  const auto begin = now;
  std::optional<Settlement> settlement;
  while (!settlement) {
    const auto made = next();
    ASSERT_NE(made, 0U);
    settlement = conclude(made, no_answer, 0.999);
    if (!settlement) now = schedule->next_due().value();
  }
  EXPECT_EQ(settlement->outcome, DeliveryOutcome::unreachable);
  EXPECT_EQ(settlement->detail, "no answer (nobody answers)");
  EXPECT_EQ(now - begin, seconds{60}) << "the last attempt is made when it ends";
  EXPECT_THAT(settlement->attempts, Ge(9));
}

TEST_F(Deliveries, SayWhatAnUnreachableReceiverKeptAnswering) {
  use({.retry = {.first = seconds{1}, .max = seconds{1}, .span = {}}});
  add(2, 1);
  const auto settlement = conclude(next(), later);
  ASSERT_TRUE(settlement.has_value());
  EXPECT_EQ(settlement->outcome, DeliveryOutcome::unreachable);
  EXPECT_EQ(settlement->status, 503);
  EXPECT_EQ(settlement->detail, "it kept answering 503");
}

TEST_F(Deliveries, GetNoSpanOfTheirOwnWhileTheirReceiverIsSilent) {
  add(2, 1);
  add(2, 1);
  std::uint64_t which = 0;
  for (std::optional<Settlement> settlement; !settlement;) {
    which = next();
    settlement = conclude(which, no_answer);
    if (!settlement) now = schedule->next_due().value();
  }
  EXPECT_EQ(which, 1U);
  schedule->recorded(rows.at(1), now);
  auto settlement = conclude(next(), no_answer);
  ASSERT_TRUE(settlement.has_value());
  EXPECT_EQ(settlement->attempts, 1);
  schedule->recorded(settlement->row, now);

  now += seconds{1};
  add(2, 9);
  settlement = conclude(next(), no_answer);
  ASSERT_TRUE(settlement.has_value()) << "nor does another training's";
}

TEST_F(Deliveries, GetAWholeSpanWhenNothingWasTriedForLong) {
  use({.retry = {.first = seconds{1}, .max = seconds{1}, .span = seconds{1}}});
  add(2, 1);
  for (std::optional<Settlement> settlement; !settlement;) {
    settlement = conclude(next(), no_answer, 0.0);
    if (settlement) schedule->recorded(settlement->row, now);
    if (!settlement) now = schedule->next_due().value();
  }
  now += seconds{3'600};
  add(2, 1);
  EXPECT_FALSE(conclude(next(), no_answer, 0.0).has_value());
}

TEST_F(Deliveries, ToAReceiverThatComesAndGoesBeginTheirSpanAnew) {
  const auto begin = now;
  for (int count = 0; count < 20; ++count) {
    add(2, 1);
    EXPECT_FALSE(conclude(next(), no_answer).has_value());
    now = schedule->next_due().value();
    EXPECT_FALSE(conclude(next(), no_answer).has_value());
    now = schedule->next_due().value() + seconds{2};
    finish(next());
  }
  EXPECT_THAT(now - begin, Ge(seconds{60})) << "longer than the span, all together";
}

TEST_F(Deliveries, ThatAreTakenLaterDoNotCountAsSilence) {
  add(2, 1);
  for (int count = 0; count < 7; ++count) {
    EXPECT_FALSE(conclude(next(), later).has_value());
    now = schedule->next_due().value();
  }
  add(2, 9);
  add(2, 9);
  EXPECT_THAT(all_next(), ElementsAre(1U, 2U));
  EXPECT_FALSE(conclude(2, no_answer).has_value()) << "it has a whole span";
}

TEST_F(Deliveries, WithoutATargetAreSettledAtOnce) {
  add(2, 1);
  const auto settlement =
      conclude(next(), {.status = 0, .problem = "denied", .obstacle = Obstacle::no_target});
  ASSERT_TRUE(settlement.has_value());
  EXPECT_EQ(settlement->outcome, DeliveryOutcome::unreachable);
  EXPECT_EQ(settlement->detail, "denied");
  EXPECT_EQ(settlement->attempts, 0);
}

TEST_F(Deliveries, OfWhatIsGoneAreDropped) {
  add(2, 1);
  const auto settlement = conclude(next(), {.status = 0, .problem = "gone", .obstacle = Obstacle::gone});
  ASSERT_TRUE(settlement.has_value());
  EXPECT_EQ(settlement->outcome, DeliveryOutcome::dropped);
}

TEST_F(Deliveries, ToWhoeverPollsWaitUntilTheyAreFetched) {
  add(2, 1);
  add(2, 1);
  add(2, 1);
  add(2, 9);
  for (const auto made : all_next()) EXPECT_FALSE(conclude(made, polls).has_value());
  schedule->fetched(user_id(2), 2);
  auto settlement = next_settlement();
  ASSERT_TRUE(settlement.has_value());
  EXPECT_EQ(settlement->row.position, 1U);
  EXPECT_EQ(settlement->outcome, DeliveryOutcome::delivered);
  EXPECT_EQ(settlement->attempts, 0);
  EXPECT_FALSE(next_settlement().has_value()) << "in order, each after the one before is recorded";
  schedule->recorded(settlement->row, now);
  settlement = next_settlement();
  ASSERT_TRUE(settlement.has_value());
  EXPECT_EQ(settlement->row.position, 2U);
  schedule->recorded(settlement->row, now);
  EXPECT_THAT(all_next(), ElementsAre(3U)) << "what was not fetched";
}

TEST_F(Deliveries, ThatAreStillToComeCannotBeFetched) {
  add(2, 1);
  EXPECT_FALSE(conclude(next(), polls).has_value());
  schedule->fetched(user_id(2), std::numeric_limits<std::uint64_t>::max());
  const auto settlement = next_settlement();
  ASSERT_TRUE(settlement.has_value());
  add(2, 1);
  schedule->recorded(settlement->row, now);
  EXPECT_EQ(next(), 2U);
}

TEST_F(Deliveries, ThatAreFetchedWhileTheyArePostedAreDelivered) {
  add(2, 1);
  const auto made = next();
  schedule->fetched(user_id(2), made);
  EXPECT_FALSE(next_settlement().has_value());
  const auto settlement = conclude(made, no_answer);
  ASSERT_TRUE(settlement.has_value());
  EXPECT_EQ(settlement->outcome, DeliveryOutcome::delivered);
  EXPECT_EQ(settlement->detail, "fetched by the receiver");
}

TEST_F(Deliveries, ThatNobodyFetchesHaveAnUnreachableReceiver) {
  add(2, 1);
  EXPECT_FALSE(conclude(next(), polls).has_value());
  EXPECT_EQ(until_due(), seconds{600});
  now += seconds{600};
  const auto settlement = conclude(next(), polls);
  ASSERT_TRUE(settlement.has_value());
  EXPECT_EQ(settlement->outcome, DeliveryOutcome::unreachable);
  EXPECT_EQ(settlement->detail, "it did not ask for its notifications within 600 s");
}

TEST_F(Deliveries, SayHowTheyStand) {
  EXPECT_FALSE(pending(2, 1).has_value());
  add(2, 1);
  add(2, 1);
  EXPECT_EQ(pending(2, 1)->state, State::waiting);
  EXPECT_EQ(pending(2, 1)->until, domain::Timestamp{1'000'000});
  EXPECT_EQ(pending(2, 1)->behind, 1U);
  next();
  EXPECT_EQ(pending(2, 1)->state, State::under_way);
  EXPECT_FALSE(conclude(1, no_answer, 0.0).has_value());
  EXPECT_EQ(pending(2, 1)->state, State::waiting);
  EXPECT_EQ(pending(2, 1)->attempts, 1);
  EXPECT_EQ(pending(2, 1)->last.problem, "nobody answers");
  EXPECT_EQ(pending(2, 1)->until, domain::Timestamp{1'500'000});
  now += seconds{1};
  next();
  EXPECT_FALSE(conclude(1, polls).has_value());
  EXPECT_EQ(pending(2, 1)->state, State::polled);
  EXPECT_EQ(pending(2, 1)->until, domain::Timestamp{600'000'000});
  schedule->fetched(user_id(2), 1);
  EXPECT_EQ(pending(2, 1)->state, State::settling);
  EXPECT_EQ(pending(2, 1)->row.position, 1U);
}

}  // namespace
}  // namespace fedlog::actors
