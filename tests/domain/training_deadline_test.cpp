#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/domain/training_course.h"

// What becomes of a round, a SWAG round or a test whose deadline passes before everybody has done their part.
namespace fedlog::domain {
namespace {

using namespace test;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Caller three{user(4), false};
constexpr std::int64_t second = 1'000'000;

// Three participants; a round and a SWAG round wait for 10 seconds, a test for 20; two are enough.
Course with_deadlines(std::int64_t rounds = 1) {
  Course course({one.id, two.id, three.id}, rounds);
  course.training.options.round_deadline_s = 10;
  course.training.options.test_deadline_s = 20;
  course.training.options.min_updates = 2;
  return course;
}

Course started() {
  auto course = with_deadlines();
  course.start();
  return course;
}

Course testing_round() {
  auto course = started();
  for (const auto& caller : {one, two, three}) {
    course.update(caller, static_cast<std::uint8_t>(caller.id.uuid.bytes[15] + 10));
  }
  course.aggregated(101);
  return course;
}

TEST(ADeadline, IsSetWhenARoundOpens) {
  auto course = with_deadlines();
  course.now = 1000;
  course.start();
  EXPECT_EQ(course.training.deadline, Timestamp{1000 + 10 * second});
}

TEST(ADeadline, IsNotSetUnlessTheOptionsSaySo) {
  Course course;
  EXPECT_FALSE(holds<DeadlineSet>(course.start()));
  EXPECT_FALSE(course.training.deadline);
}

TEST(ADeadline, GoesWhenTheRoundEndsBeforeIt) {
  auto course = started();
  course.update(one, 11);
  course.update(two, 12);
  EXPECT_TRUE(course.training.deadline);
  course.update(three, 13);
  EXPECT_FALSE(course.training.deadline) << "nobody is waited for";
}

TEST(ADeadline, ClosesARoundWithTheUpdatesThatAreThere) {
  auto course = started();
  course.update(three, 13);
  course.update(one, 11);
  const auto events = course.expire();
  const auto* passed = find<DeadlinePassed>(events);
  ASSERT_NE(passed, nullptr);
  EXPECT_EQ(*passed, (DeadlinePassed{0, Phase::updating, {two.id}, true}));
  ASSERT_TRUE(holds<RoundClosed>(events));
  EXPECT_THAT(find<RoundClosed>(events)->updates, ElementsAre(test::model(11), test::model(13)));
  EXPECT_THAT(pending_aggregation(course.training)->updates, SizeIs(2));
  EXPECT_THAT(course.training.participants, SizeIs(3)) << "who is late goes on taking part";
  EXPECT_FALSE(course.training.deadline);
}

TEST(ADeadline, LetsStragglersTakePartInWhatFollows) {
  auto course = started();
  course.update(one, 11);
  course.update(two, 12);
  course.expire();
  EXPECT_THAT(told(course.aggregated(101)),
              ElementsAre("MODEL_TEST_ROUND 1 -> 2", "MODEL_TEST_ROUND 1 -> 3", "MODEL_TEST_ROUND 1 -> 4"));
}

TEST(ADeadline, SaysToWhoIsLateWhichRoundIsOpen) {
  auto course = with_deadlines(2);
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  course.expire();
  const SubmitUpdate late{three, test::model(13), 0, 1, blob(13), {}};
  EXPECT_THAT(course.reject(late).hint, HasSubstr("The updates of round 0 are being aggregated"));
  course.aggregated(101);
  EXPECT_THAT(course.reject(late).hint, HasSubstr("The model of round 1 is being tested"));
  for (const auto& caller : {one, two, three}) course.test(caller);
  const auto refused = course.reject(late);
  EXPECT_EQ(refused.reason, Reason::wrong_round);
  EXPECT_EQ(refused.message,
            "Training with ID " + course.training.id.text() + " is not currently in round 0");
  EXPECT_EQ(refused.hint, "Now round 1 is open: the training takes updates for it.");
}

TEST(ADeadline, EndsATrainingWithoutAQuorum) {
  auto course = started();
  course.update(one, 11);
  const auto events = course.expire();
  EXPECT_FALSE(find<DeadlinePassed>(events)->quorum);
  EXPECT_EQ(course.training.state, TrainingState::error);
  EXPECT_EQ(course.training.reason,
            "The deadline passed and 2 of 3 participants had not sent an update for round 0; at least 2 must "
            "(option min_updates).");
  EXPECT_THAT(told(events), ElementsAre("TRAINING_FINISHED -> 2", "TRAINING_FINISHED -> 3",
                                        "TRAINING_FINISHED -> 4", "TRAINING_FINISHED -> 1"));
  EXPECT_FALSE(course.training.deadline);
}

TEST(ADeadline, IsSetAnewWithoutAQuorumAsOftenAsTheOptionsAllow) {
  auto course = with_deadlines();
  course.training.options.max_rounds_without_quorum = 2;
  course.start();
  course.update(one, 11);
  for (int time = 0; time < 2; ++time) {
    course.now += 100 * second;
    EXPECT_THAT(told(course.expire()), ElementsAre("UPDATE_ROUND_START 0 -> 3", "UPDATE_ROUND_START 0 -> 4"))
        << "who has sent is left alone";
    EXPECT_EQ(course.training.phase, Phase::updating);
    EXPECT_GT(course.training.deadline->microseconds, course.now);
  }
  EXPECT_EQ(course.training.rounds_without_quorum, 2);
  course.expire();
  EXPECT_EQ(course.training.state, TrainingState::error);
  EXPECT_THAT(course.training.reason, HasSubstr("passed 3 times in a row"));
}

TEST(ADeadline, CountsOnlyThoseThatPassInARow) {
  auto course = with_deadlines(2);
  course.training.options.max_rounds_without_quorum = 1;
  course.start();
  course.expire();
  EXPECT_EQ(course.training.rounds_without_quorum, 1);
  course.update(one, 11);
  course.update(two, 12);
  course.expire();
  EXPECT_EQ(course.training.phase, Phase::aggregating);
  EXPECT_EQ(course.training.rounds_without_quorum, 0);
}

TEST(ADeadline, EndsATrainingWhereTheOptionsSaySoEvenWithAQuorum) {
  auto course = with_deadlines();
  course.training.options.on_deadline = OnDeadline::error;
  course.training.options.max_rounds_without_quorum = 5;
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  course.expire();
  EXPECT_EQ(course.training.state, TrainingState::error);
  EXPECT_THAT(course.training.reason, HasSubstr("1 of 3 participants had not sent an update for round 0"));
  EXPECT_THAT(course.training.reason, HasSubstr("on_deadline"));
}

TEST(ADeadline, OfATestGoesOnWithTheTestsThatAreThere) {
  for (const int tests : {0, 1}) {
    auto course = testing_round();
    course.training.options.on_deadline = OnDeadline::error;  // says nothing about tests
    EXPECT_GE(course.training.deadline, Timestamp{20 * second});
    EXPECT_LT(course.training.deadline, Timestamp{21 * second});
    if (tests > 0) course.test(two);
    const auto events = course.expire();
    EXPECT_TRUE(find<DeadlinePassed>(events)->quorum);
    EXPECT_EQ(course.training.state, TrainingState::completed);
  }
}

TEST(ADeadline, OfATestLeadsToTheNextRoundAndItsOwnDeadline) {
  auto course = testing_round();
  course.training.target_num_updates = 2;
  EXPECT_TRUE(holds<RoundOpened>(course.expire()));
  EXPECT_EQ(course.training.phase, Phase::updating);
  EXPECT_TRUE(course.training.deadline);
}

TEST(ADeadline, OfASwagRoundGoesOnWithTheMomentsThatAreThere) {
  auto course = with_deadlines();
  course.training.uncertainty_method = UncertaintyMethod::swag;
  course.start();
  for (const auto& caller : {one, two, three}) course.update(caller, 11);
  course.aggregated(101);
  EXPECT_TRUE(course.training.deadline);
  course.moments(three, 23);
  course.moments(one, 21);
  const auto events = course.expire();
  EXPECT_EQ(*find<DeadlinePassed>(events), (DeadlinePassed{1, Phase::collecting, {two.id}, true}));
  EXPECT_THAT(find<SwagRoundClosed>(events)->participants, ElementsAre(one.id, three.id));
  EXPECT_THAT(pending_averaging(course.training)->moments, SizeIs(2));
}

TEST(ADeadline, OfASwagRoundNeedsAQuorumToo) {
  auto course = with_deadlines();
  course.training.uncertainty_method = UncertaintyMethod::swag;
  course.training.options.max_rounds_without_quorum = 1;
  course.start();
  for (const auto& caller : {one, two, three}) course.update(caller, 11);
  course.aggregated(101);
  course.moments(two, 22);
  EXPECT_THAT(told(course.expire()), ElementsAre("SWAG_ROUND_START 1 -> 2", "SWAG_ROUND_START 1 -> 4"));
  course.expire();
  EXPECT_EQ(course.training.state, TrainingState::error);
  EXPECT_THAT(course.training.reason, HasSubstr("had not sent moments for round 1"));
}

TEST(ADeadline, OfADaisyChainPassesOnWhatIsThere) {
  auto course = Course::daisy_chain({one.id, two.id, three.id}, 3, 3);
  course.training.options.round_deadline_s = 10;
  course.training.options.min_updates = 1;
  course.start();
  course.update(three, 13);
  course.update(one, 11);
  const auto events = course.expire();
  EXPECT_THAT(told(events), ElementsAre("UPDATE_ROUND_START 1 -> 2", "UPDATE_ROUND_START 1 -> 3",
                                        "UPDATE_ROUND_START 1 -> 4"));
  EXPECT_THAT(find<ModelsPassedOn>(events)->models,
              testing::UnorderedElementsAre(test::model(11), test::model(13)));
  EXPECT_NE(course.training.model_for(one.id), global);
  EXPECT_NE(course.training.model_for(three.id), global);
  EXPECT_NE(course.training.model_for(one.id), course.training.model_for(three.id));
  EXPECT_EQ(course.training.model_for(two.id), global) << "it sent none";
  EXPECT_TRUE(check_may_update(course.training, two, global, 1));
  EXPECT_TRUE(course.training.deadline) << "of the round that is open now";
  course.update(two, 12);
  course.expire();
  EXPECT_EQ(course.training.model_for(two.id), test::model(12));
  EXPECT_EQ(course.training.model_for(one.id), global) << "this time it was late";
  course.update(two, 22);
  course.expire();
  EXPECT_THAT(pending_aggregation(course.training)->updates, SizeIs(1));
}

TEST(ADeadline, IsForNobodyWhenItIsNotTheTrainingsAnyMore) {
  auto course = started();
  const auto first = *course.training.deadline;
  EXPECT_THAT(course.run(ExpireDeadline{{first.microseconds + 1}}), IsEmpty());
  for (const auto& caller : {one, two, three}) course.update(caller, 11);
  EXPECT_THAT(course.run(ExpireDeadline{first}), IsEmpty());
  course.aggregated(101);
  EXPECT_THAT(course.run(ExpireDeadline{first}), IsEmpty()) << "the test has its own";
}

TEST(ADeadline, IsNotMovedByWhoJoinsOrLeaves) {
  auto course = started();
  const auto deadline = course.training.deadline;
  course.now += second;
  course.run(AddParticipants{owner, {stranger.id}});
  course.run(RemoveParticipants{owner, {two.id}});
  EXPECT_EQ(course.training.deadline, deadline);
}

TEST(ADeadline, DoesNotHoldUpARoundThatRemovalsLeaveBelowTheQuorum) {
  auto course = started();
  course.update(one, 11);
  course.run(RemoveParticipants{owner, {two.id, three.id}});
  EXPECT_TRUE(pending_aggregation(course.training)) << "all who are left have sent";
}

TEST(ADeadline, IsNotSetForNobody) {
  Course course({one.id});
  course.training.options.test_deadline_s = 20;
  course.start();
  course.update(one, 11);
  course.run(RemoveParticipants{owner, {one.id}});
  EXPECT_FALSE(holds<DeadlineSet>(course.aggregated(101)));
  EXPECT_EQ(course.training.state, TrainingState::error);
}

TEST(AQuorum, IsANumberOrAFractionOfTheParticipantsAndNeverNobody) {
  Training training;
  const auto quorum = [&](std::size_t participants, double fraction) {
    training.participants.resize(participants);
    training.options.min_updates_fraction = fraction;
    return training.quorum();
  };
  EXPECT_EQ(quorum(3, 1.0), 3);
  EXPECT_EQ(quorum(3, 0.5), 2);
  EXPECT_EQ(quorum(4, 0.5), 2);
  EXPECT_EQ(quorum(30, 0.1), 3) << "although 30 times 0.1 is a little more";
  EXPECT_EQ(quorum(3, 0.0001), 1);
  EXPECT_EQ(quorum(0, 1.0), 1);
  training.options.min_updates = 5;
  EXPECT_EQ(quorum(7, 0.5), 5);
  EXPECT_EQ(quorum(3, 0.5), 3) << "no more than there are";
}

}  // namespace
}  // namespace fedlog::domain
