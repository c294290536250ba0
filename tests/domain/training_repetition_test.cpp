#include <gmock/gmock.h>

#include "domain/training_commands.h"
#include "tests/domain/training_course.h"

namespace fedlog::domain {
namespace {

using test::aggregating;
using test::averaging;
using test::blob;
using test::collecting;
using test::Course;
using test::one;
using test::owner;
using test::stranger;
using test::two;
using test::updating;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const Metric accuracy{.name = "accuracy", .number = 0.5, .blob = {}};

SubmitUpdate update(const Caller& by, std::int64_t round, std::vector<Metric> metrics = {}) {
  const std::uint8_t number = by.id == one.id ? 11 : 12;
  return {by, test::model(number), round, 1, blob(number), std::move(metrics)};
}

TEST(AnUpdateThatIsSentAgain, IsTakenWithoutAnEvent) {
  auto course = updating();
  course.run(update(one, 0));
  EXPECT_THAT(course.run(update(one, 0)), IsEmpty());
  auto larger = update(one, 0);
  larger.sample_size = 2;
  EXPECT_THAT(course.run(larger), SizeIs(1)) << "it is not the same";
}

TEST(AnUpdateThatIsSentAgain, IsTheSameOnlyWithTheSameMetrics) {
  auto course = updating();
  course.run(update(one, 0));
  EXPECT_THAT(course.run(update(one, 0, {accuracy})), SizeIs(1));
  EXPECT_THAT(course.run(update(one, 0, {accuracy})), IsEmpty());
  auto better = accuracy;
  better.number = 0.6;
  EXPECT_THAT(course.run(update(one, 0, {better})), SizeIs(1));
}

TEST(AnUpdateThatIsSentAgain, IsKnownUntilItsRoundIsAggregated) {
  auto course = updating();
  course.run(update(one, 0));
  course.run(update(two, 0));
  EXPECT_EQ(course.training.phase, Phase::aggregating);
  EXPECT_THAT(course.run(update(two, 0)), IsEmpty());
  EXPECT_TRUE(pending_aggregation(course.training));
  course.aggregated(101);
  EXPECT_EQ(course.reject(update(two, 0)).reason, Reason::wrong_round);
}

TEST(AnUpdateThatIsSentAgain, IsNotTheSenderOfAnotherOne) {
  auto course = aggregating();
  auto other = update(one, 0);
  other.weights = blob(14);
  const auto rejection = course.reject(other);
  EXPECT_EQ(rejection.reason, Reason::wrong_round);
  EXPECT_EQ(rejection.hint,
            "The updates of round 0 are being aggregated; the next round opens after its test.");
}

TEST(AnUpdateThatIsSentAgain, IsRefusedToWhoTakesPartNoMore) {
  auto course = aggregating();
  course.run(RemoveParticipants{owner, {one.id}});
  EXPECT_EQ(course.reject(update(one, 0)).reason, Reason::permission_denied);
}

TEST(AnUpdateThatIsSentAgain, MayHaveItsFileLookedInto) {
  auto course = aggregating();
  const auto may_update = [&](const Caller& by, std::optional<std::int64_t> round) {
    return check_may_update(course.training, by, test::global, round).has_value();
  };
  EXPECT_TRUE(may_update(one, 0));
  EXPECT_TRUE(may_update(one, std::nullopt)) << "its round is not known yet";
  EXPECT_FALSE(may_update(one, 1));
  EXPECT_FALSE(may_update(stranger, 0));
  EXPECT_FALSE(may_update(stranger, std::nullopt));
  course.run(RemoveParticipants{owner, {one.id}});
  EXPECT_FALSE(may_update(one, 0));
}

TEST(MomentsThatAreSentAgain, AreTakenWithoutAnEvent) {
  auto course = collecting();
  course.moments(one, 21);
  EXPECT_THAT(course.moments(one, 21), IsEmpty());
  EXPECT_THAT(course.moments(one, 23), SizeIs(1));
}

TEST(MomentsThatAreSentAgain, AreKnownUntilTheyAreAveraged) {
  auto course = averaging();
  EXPECT_THAT(course.moments(one, 21), IsEmpty());
  EXPECT_TRUE(check_may_send_moments(course.training, one, 1).has_value());
  EXPECT_TRUE(check_may_send_moments(course.training, one, std::nullopt).has_value());
  EXPECT_FALSE(check_may_send_moments(course.training, one, 0).has_value());
  EXPECT_FALSE(check_may_send_moments(course.training, stranger, 1).has_value());
  const SubmitMoments others{.by = one,
                             .round = 1,
                             .sample_size = 1,
                             .first_moment = blob(31),
                             .second_moment = blob(32),
                             .form = "float32 [8]"};
  EXPECT_EQ(course.reject(others).reason, Reason::wrong_round);
  course.averaged(30);
  EXPECT_FALSE(check_may_send_moments(course.training, one, 1).has_value());
}

TEST(AResultThatComesLate, DoesNotCountForOtherUpdatesOfTheSameRound) {
  auto course = aggregating();
  const auto asked = *pending_aggregation(course.training);
  course.not_aggregated("the disk is full");
  course.run(RemoveParticipants{owner, {one.id}});
  course.resume();
  ASSERT_TRUE(pending_aggregation(course.training));
  EXPECT_THAT(course.run(RecordAggregation{asked, blob(101)}), IsEmpty());
  EXPECT_THAT(course.run(RecordAggregation{*pending_aggregation(course.training), blob(102)}),
              ::testing::Not(IsEmpty()));
  EXPECT_EQ(course.training.weights, blob(102));
}

TEST(AResultThatComesLate, DoesNotCountForOtherMomentsOfTheSameRound) {
  auto course = averaging();
  const auto asked = *pending_averaging(course.training);
  course.not_averaged("the disk is full");
  course.run(RemoveParticipants{owner, {one.id}});
  course.resume();
  ASSERT_TRUE(pending_averaging(course.training));
  EXPECT_THAT(course.run(RecordAveraging{asked, AveragedMoments{blob(40), blob(41)}}), IsEmpty());
  EXPECT_FALSE(course.training.swag_first_moment);
}

}  // namespace
}  // namespace fedlog::domain
