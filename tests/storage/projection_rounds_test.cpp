#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/storage/projection_fixture.h"

// What daisy chaining and SWAG rounds leave in the views.
namespace fedlog::storage {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class DaisyChains : public Projection {
 protected:
  DaisyChains() {
    creates_training();
    starts();
    updates(2, 10);
    updates(3, 11);
    happens(domain::ModelsPassedOn{1, {model_id(11), model_id(10)}});
  }

  std::vector<domain::ModelId> all() { return ids(views_.models_in(*views_.training(training_id(1)))); }
  std::vector<domain::ModelId> latest() {
    return ids(views_.latest_models_in(*views_.training(training_id(1))));
  }
  static std::vector<domain::ModelId> ids(const List<domain::Model>& list) {
    std::vector<domain::ModelId> found;
    for (const auto& model : rows_of(list)) found.push_back(model.id);
    return found;
  }
};

TEST_F(DaisyChains, KeepLocalModelsThatParticipantsGoOnWith) {
  EXPECT_EQ(views_.model(model_id(1))->round, 1);
  EXPECT_EQ(views_.model(model_id(1))->weights, blob_id(1)) << "nothing was aggregated";
  ASSERT_TRUE(views_.model(model_id(10)));
  EXPECT_EQ(views_.model(model_id(10))->round, 0);
  EXPECT_THAT(rows_of(views_.metrics_of(model_id(10))), SizeIs(1));
  EXPECT_THAT(models_of(2), ElementsAre(model_id(1), model_id(10)));
  EXPECT_THAT(all(), ElementsAre(model_id(1), model_id(11), model_id(10)));
}

TEST_F(DaisyChains, ListTheLatestLocalModelOfEachParticipant) {
  updates(2, 12, 1);
  EXPECT_THAT(all(), ElementsAre(model_id(1), model_id(11), model_id(10), model_id(12)));
  EXPECT_THAT(latest(), ElementsAre(model_id(1), model_id(11), model_id(12)));
}

TEST_F(DaisyChains, DropTheModelsBeforeWhenTheNextArePassedOn) {
  updates(2, 12, 1);
  updates(3, 13, 1);
  happens(domain::ModelsPassedOn{2, {model_id(12), model_id(13)}});
  EXPECT_FALSE(views_.model(model_id(10)));
  EXPECT_FALSE(views_.model(model_id(11)));
  EXPECT_THAT(rows_of(views_.metrics_of(model_id(10))), IsEmpty());
  EXPECT_TRUE(views_.model(model_id(12)));
  EXPECT_THAT(all(), ElementsAre(model_id(1), model_id(12), model_id(13)));
}

TEST_F(DaisyChains, DropThemWithTheAggregation) {
  updates(2, 12, 1);
  updates(3, 13, 1);
  happens(domain::RoundClosed{1, {model_id(12), model_id(13)}});
  EXPECT_TRUE(views_.model(model_id(10)));
  happens(domain::RoundAggregated{1, blob_id(20)});
  EXPECT_THAT(all(), ElementsAre(model_id(1)));
  EXPECT_THAT(models_of(2), ElementsAre(model_id(1)));
  EXPECT_FALSE(views_.model(model_id(10)));
}

TEST_F(DaisyChains, PassOnOnlyWhatWasSent) {
  updates(3, 13, 1);
  happens(domain::DeadlinePassed{1, domain::Phase::updating, {user_id(2)}, true});
  happens(domain::ModelsPassedOn{2, {model_id(13)}});
  EXPECT_THAT(all(), ElementsAre(model_id(1), model_id(13)));
  EXPECT_EQ(views_.training(training_id(1))->model_for(user_id(2)), model_id(1));
}

TEST_F(DaisyChains, DropAModelWhoseReceiverIsRemoved) {
  happens(domain::ParticipantRemoved{user_id(2), "left"});
  EXPECT_FALSE(views_.model(model_id(11)));
  EXPECT_TRUE(views_.model(model_id(10))) << "of the one who left, but another goes on with it";
}

TEST_F(DaisyChains, AreDeletedWithTheirLocalModels) {
  updates(2, 12, 1);
  happens(domain::TrainingDeleted{});
  for (const auto number : std::initializer_list<std::uint8_t>{10, 11, 12}) {
    EXPECT_FALSE(views_.model(model_id(number)));
  }
}

class SwagRounds : public Projection {
 protected:
  SwagRounds() {
    creates_training();
    starts();
    updates(2, 10);
    updates(3, 11);
    happens(domain::RoundClosed{0, {model_id(10), model_id(11)}});
    happens(domain::RoundAggregated{0, blob_id(20)});
    happens(domain::SwagRoundOpened{1});
  }

  std::vector<MetricRow> metrics() { return rows_of(views_.metrics_of(model_id(1))); }
};

TEST_F(SwagRounds, ShowMomentsAsMetricsOfTheirRound) {
  sends_moments(2, 30, 3);
  ASSERT_THAT(metrics(), SizeIs(3));
  EXPECT_EQ(metrics()[0].metric, (domain::Metric{"SWAG First Moment Local", {}, blob_id(30)}));
  EXPECT_EQ(metrics()[1].metric, (domain::Metric{"SWAG Second Moment Local", {}, blob_id(130)}));
  EXPECT_EQ(metrics()[2].metric, (domain::Metric{"SWAG Sample Size Local", 3.0, {}}));
  for (const auto& metric : metrics()) {
    EXPECT_EQ(metric.step, 1);
    EXPECT_EQ(metric.reporter, user_id(2));
  }
}

TEST_F(SwagRounds, ReplaceMomentsAmongTheMetrics) {
  sends_moments(2, 30);
  sends_moments(3, 30);
  happens(domain::MetricsReported{user_id(2), model_id(1), 1, {{"loss", 0.5, std::nullopt}}});
  sends_moments(2, 32);
  EXPECT_EQ(views_.metrics_of(model_id(1)).count(), 7U);
  ASSERT_THAT(metrics(), SizeIs(7));
  EXPECT_EQ(metrics()[0].reporter, user_id(3)) << "those of the other one stay";
  EXPECT_EQ(metrics()[3].metric.name, "loss");
  EXPECT_EQ(metrics()[4].metric.blob, blob_id(32));
}

TEST_F(SwagRounds, WaitForTheServerWhileTheyAreAveraged) {
  sends_moments(2, 30);
  sends_moments(3, 31);
  EXPECT_THAT(views_.trainings_with_pending_work(), IsEmpty());
  happens(domain::SwagRoundClosed{1, {user_id(2), user_id(3)}});
  EXPECT_THAT(views_.trainings_with_pending_work(), ElementsAre(training_id(1)));
  happens(domain::MomentsAveraged{1, blob_id(40), blob_id(41)});
  happens(domain::TestOpened{1});
  EXPECT_THAT(views_.trainings_with_pending_work(), IsEmpty());
}

TEST_F(SwagRounds, LeaveTheModelItsMoments) {
  sends_moments(2, 30);
  sends_moments(3, 31);
  happens(domain::SwagRoundClosed{1, {user_id(2), user_id(3)}});
  EXPECT_FALSE(views_.model(model_id(1))->swag_first_moment);
  happens(domain::MomentsAveraged{1, blob_id(40), blob_id(41)});
  happens(domain::TestOpened{1});
  EXPECT_EQ(views_.model(model_id(1))->swag_first_moment, blob_id(40));
  EXPECT_EQ(views_.model(model_id(1))->swag_second_moment, blob_id(41));
  EXPECT_EQ(views_.metrics_of(model_id(1)).count(), 6U) << "what they are averages of stays to be seen";
  happens(domain::TrainingDeleted{});
  happens_to_model(1, domain::ModelLeftTraining{1, blob_id(20), std::nullopt, blob_id(40), blob_id(41)});
  EXPECT_EQ(views_.model(model_id(1))->swag_first_moment, blob_id(40));
}

TEST_F(Projection, KnowsWhichBlobsAreNeeded) {
  creates_training();
  starts();
  updates(2, 5);
  EXPECT_TRUE(views_.is_needed(blob_id(1)));
  EXPECT_TRUE(views_.is_needed(blob_id(5)));
  EXPECT_FALSE(views_.is_needed(blob_id(9)));
  updates(2, 6);  // instead of the first
  EXPECT_TRUE(views_.is_needed(blob_id(5))) << "the training's course tells of it";
  happens(domain::MetricsReported{user_id(2), model_id(1), 0, {{"matrix", std::nullopt, blob_id(7)}}});
  happens(domain::TrainingDeleted{});
  happens_to_model(1, domain::ModelLeftTraining{.round = 0,
                                                .weights = blob_id(1),
                                                .preprocessing = {},
                                                .swag_first_moment = {},
                                                .swag_second_moment = {}});
  EXPECT_TRUE(views_.is_needed(blob_id(1)));
  EXPECT_TRUE(views_.is_needed(blob_id(7))) << "a metric of the model";
  EXPECT_FALSE(views_.is_needed(blob_id(5)));
  EXPECT_FALSE(views_.is_needed(blob_id(6)));
  happens_to_model(1, domain::ModelDeleted{});
  EXPECT_FALSE(views_.is_needed(blob_id(1)));
  EXPECT_FALSE(views_.is_needed(blob_id(7)));
}

TEST_F(Projection, KnowsThatMomentsAreNeededByTheModelWhoseMetricsTheyAre) {
  creates_training();
  starts();
  happens(domain::SwagRoundOpened{1});
  sends_moments(2, 20);
  happens(domain::TrainingDeleted{});
  EXPECT_TRUE(views_.is_needed(blob_id(20)));
  happens_to_model(1, domain::ModelDeleted{});
  EXPECT_FALSE(views_.is_needed(blob_id(20)));
}

}  // namespace
}  // namespace fedlog::storage
