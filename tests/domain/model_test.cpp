#include "domain/model.h"

#include <gtest/gtest.h>

#include "domain/model_commands.h"
#include "tests/domain/ids.h"

namespace fedlog::domain {
namespace {

using test::blob;
using test::user;

const Caller owner{user(1), false};
const Caller stranger{user(2), false};

Model uploaded() {
  Model model;
  evolve(model, ModelUploaded{.model = test::model(1),
                              .kind = ModelKind::global,
                              .owner = owner.id,
                              .name = "digits",
                              .description = "a network",
                              .input_shape = InputShape{std::nullopt, 64},
                              .round = 3,
                              .weights = blob(1),
                              .preprocessing = {},
                              .members = {},
                              .copied_from = {}});
  return model;
}

TEST(Model, LeavesATrainingWithWhatTheTrainingMadeOfIt) {
  auto model = uploaded();
  evolve(model, ModelJoinedTraining{.training = test::id<TrainingId>(5)});
  EXPECT_EQ(model.training, test::id<TrainingId>(5));
  evolve(model, ModelLeftTraining{.round = 9,
                                  .weights = blob(2),
                                  .preprocessing = blob(3),
                                  .swag_first_moment = blob(4),
                                  .swag_second_moment = blob(5)});
  EXPECT_FALSE(model.training);
  EXPECT_EQ(model.round, 9);
  EXPECT_EQ(model.weights, blob(2));
  EXPECT_EQ(model.preprocessing, blob(3));
  EXPECT_EQ(model.swag_first_moment, blob(4));
  EXPECT_EQ(model.swag_second_moment, blob(5));
}

TEST(Model, KeepsItsMomentsWhenALaterTrainingMadeNone) {
  auto model = uploaded();
  model.swag_first_moment = blob(4);
  model.swag_second_moment = blob(5);
  evolve(model, ModelLeftTraining{.round = 9,
                                  .weights = blob(2),
                                  .preprocessing = {},
                                  .swag_first_moment = {},
                                  .swag_second_moment = {}});
  EXPECT_EQ(model.swag_first_moment, blob(4));
  EXPECT_EQ(model.swag_second_moment, blob(5));
}

TEST(Model, IsDeletedAndGivenPreprocessingByItsOwnerOnly) {
  EXPECT_EQ(decide(uploaded(), DeleteModel{owner}).value(), std::vector<ModelEvent>{ModelDeleted{}});
  EXPECT_EQ(decide(uploaded(), SetPreprocessing{owner, blob(4)}).value(),
            std::vector<ModelEvent>{PreprocessingReplaced{blob(4)}});
  EXPECT_EQ(decide(uploaded(), DeleteModel{stranger}).error().reason, Reason::permission_denied);
  EXPECT_EQ(decide(uploaded(), SetPreprocessing{stranger, blob(4)}).error().reason,
            Reason::permission_denied);
}

TEST(Model, TakesMetricsOfItsRound) {
  const std::vector<Metric> metrics{{.name = "loss", .number = 0.5, .blob = {}}};
  const auto events = decide(uploaded(), ReportModelMetrics{owner, metrics}).value();
  EXPECT_EQ(std::get<MetricsReported>(events.at(0)).step, 3);
  EXPECT_FALSE(decide(uploaded(), ReportModelMetrics{stranger, metrics}));
  EXPECT_TRUE(decide(uploaded(), ReportModelMetrics{stranger, metrics, ModelAccess::open}));
}

TEST(MeanModel, IsMadeOfKnownModelsThatTheCallerOwns) {
  EXPECT_TRUE(check_members(owner, {{test::model(1), true, owner.id}}));
  EXPECT_EQ(check_members(owner, {{test::model(1), false, {}}}).error().message,
            "Invalid model UUIDs found.");
  EXPECT_EQ(check_members(owner, {{test::model(1), true, stranger.id}}).error().message,
            "Invalid model selection. Insufficient model permissions.");
}

TEST(MeanModel, HasMembersWithWeightsOfTheirOwn) {
  const auto refusal = [](std::vector<MeanMember> members) {
    return check_members(owner, members).error().message;
  };
  EXPECT_TRUE(check_members(owner, {{test::model(1), true, owner.id, ModelKind::swag}}));
  EXPECT_NE(refusal({{test::model(1), true, owner.id}, {test::model(2), true, owner.id, ModelKind::mean}})
                .find(test::model(2).text() + " is a mean model itself"),
            std::string::npos);
  EXPECT_NE(refusal({{test::model(1), true, owner.id, ModelKind::local}}).find("a participant's update"),
            std::string::npos);
  const std::vector<MeanMember> most(mean_members_max, {test::model(1), true, owner.id});
  EXPECT_TRUE(check_members(owner, most));
  auto more = most;
  more.push_back(most.front());
  EXPECT_NE(refusal(more).find("at most 127 members"), std::string::npos);
}

}  // namespace
}  // namespace fedlog::domain
