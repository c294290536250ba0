#include "actors/uncertainty.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/actors/tensors.h"

namespace fedlog::actors {
namespace {

using namespace testing;
using ml::DType;
using ::testing::DoubleNear;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

constexpr float close = 1e-6F;

std::vector<std::string> names(const Prediction& prediction) {
  std::vector<std::string> result;
  for (const auto& [name, tensor] : prediction.uncertainty) result.push_back(name);
  return result;
}

std::vector<float> floats(const Prediction& prediction, const std::string& name) {
  for (const auto& [known, tensor] : prediction.uncertainty) {
    if (known == name) return values_of<float>(tensor);
  }
  ADD_FAILURE() << name << " is missing";
  return {};
}

TEST(Uncertainty, IsTheSpreadOfTheSamplesAroundTheirMean) {
  // Three samples of one row.
  const auto prediction = prediction_of(tensor_of<float>(DType::float32, {3, 1, 2}, {1, -2, 2, -2, 6, -5}));
  ASSERT_TRUE(prediction.has_value());
  EXPECT_EQ(prediction->inference.dtype, DType::float32);
  EXPECT_THAT(prediction->inference.shape, ElementsAre(1, 2));
  EXPECT_THAT(values_of<float>(prediction->inference), ElementsAre(3, -3));
  EXPECT_THAT(names(*prediction), ElementsAre("variance", "std"));
  EXPECT_THAT(floats(*prediction, "variance"), ElementsAre(7, 3));
  EXPECT_THAT(floats(*prediction, "std"),
              ElementsAre(FloatNear(std::sqrt(7.F), close), FloatNear(std::sqrt(3.F), close)));
}

TEST(Uncertainty, OfASingleSampleIsNone) {
  const auto prediction = prediction_of(tensor_of<float>(DType::float32, {1, 1, 2}, {1.5, -2}));
  ASSERT_TRUE(prediction.has_value());
  EXPECT_THAT(values_of<float>(prediction->inference), ElementsAre(1.5, -2));
  EXPECT_THAT(floats(*prediction, "variance"), ElementsAre(0, 0));
  EXPECT_THAT(floats(*prediction, "std"), ElementsAre(0, 0));
}

TEST(Uncertainty, OfEqualSamplesIsExactlyNone) {
  std::vector<float> values;
  for (int sample = 0; sample < 10; ++sample) values.insert(values.end(), {0.1F, 0.2F, 0.7F});
  const auto prediction = prediction_of(tensor_of<float>(DType::float32, {10, 1, 3}, values));
  ASSERT_TRUE(prediction.has_value());
  EXPECT_THAT(values_of<float>(prediction->inference), ElementsAre(0.1F, 0.2F, 0.7F));
  EXPECT_THAT(floats(*prediction, "variance"), Each(0));
  EXPECT_THAT(floats(*prediction, "mutual_info"), ElementsAre(0));
  EXPECT_EQ(floats(*prediction, "predictive_entropy"), floats(*prediction, "expected_entropy"));
}

TEST(Uncertainty, OfProbabilitiesHasEntropies) {
  // Two samples that are certain, of different classes.
  const auto prediction = prediction_of(tensor_of<float>(DType::float32, {2, 1, 2}, {1, 0, 0, 1}));
  ASSERT_TRUE(prediction.has_value());
  EXPECT_THAT(names(*prediction),
              ElementsAre("variance", "std", "predictive_entropy", "expected_entropy", "mutual_info"));
  EXPECT_THAT(floats(*prediction, "predictive_entropy"), ElementsAre(FloatNear(std::log(2.F), close)));
  EXPECT_THAT(floats(*prediction, "expected_entropy"), ElementsAre(FloatNear(1.1920930e-07F, 1e-12F)));
  EXPECT_THAT(floats(*prediction, "mutual_info"), ElementsAre(FloatNear(std::log(2.F), close)));
  EXPECT_EQ(prediction->uncertainty.back().second.shape, std::vector<std::int64_t>{1});
}

TEST(Uncertainty, NormalisesRowsBeforeItTakesThemForProbabilities) {
  const auto prediction = prediction_of(tensor_of<float>(DType::float32, {1, 2, 2}, {0.2F, 0.2F, 1, 1}));
  ASSERT_TRUE(prediction.has_value());
  EXPECT_THAT(floats(*prediction, "predictive_entropy"),
              ElementsAre(FloatNear(std::log(2.F), close), FloatNear(std::log(2.F), close)));
}

TEST(Uncertainty, HasNoEntropiesWhereTheOutputsAreNoProbabilities) {
  constexpr auto nan = std::numeric_limits<float>::quiet_NaN();
  for (const auto& values : {std::vector<float>{0.5F, 1.5F}, std::vector<float>{-0.5F, 0.5F},
                             std::vector<float>{nan, 0.5F}, std::vector<float>{0, 0}}) {
    const auto prediction = prediction_of(tensor_of<float>(DType::float32, {1, 1, 2}, values));
    ASSERT_TRUE(prediction.has_value());
    EXPECT_THAT(names(*prediction), ElementsAre("variance", "std"));
  }
  const auto scalars = prediction_of(tensor_of<float>(DType::float32, {2}, {0.5F, 0.5F}));
  ASSERT_TRUE(scalars.has_value());
  EXPECT_THAT(names(*scalars), ElementsAre("variance", "std"));
}

TEST(Uncertainty, KeepsDoublesAndWidensHalves) {
  const auto doubles = prediction_of(tensor_of<double>(DType::float64, {2, 1}, {1, 2}));
  ASSERT_TRUE(doubles.has_value());
  EXPECT_EQ(doubles->inference.dtype, DType::float64);
  EXPECT_THAT(values_of<double>(doubles->inference), ElementsAre(1.5));
  EXPECT_THAT(values_of<double>(doubles->uncertainty.at(0).second), ElementsAre(DoubleNear(0.5, 1e-15)));
  const auto halves = prediction_of(tensor_of<std::uint16_t>(DType::float16, {2, 1}, {0x3c00, 0x4000}));
  ASSERT_TRUE(halves.has_value());
  EXPECT_EQ(halves->inference.dtype, DType::float32);
  EXPECT_THAT(values_of<float>(halves->inference), ElementsAre(1.5));
}

TEST(Uncertainty, NeedsSamplesOfFloatingPointNumbers) {
  const auto whole = prediction_of(tensor_of<std::int64_t>(DType::int64, {2, 1}, {1, 2}));
  ASSERT_FALSE(whole.has_value());
  EXPECT_THAT(whole.error(), HasSubstr("int64"));
  EXPECT_FALSE(prediction_of(tensor_of<float>(DType::float32, {}, {1})).has_value());
  EXPECT_FALSE(prediction_of(tensor_of<float>(DType::float32, {0, 2}, {})).has_value());
}

TEST(TheMean, IsTakenOverTheSamples) {
  const auto mean = mean_of(tensor_of<float>(DType::float32, {2, 1, 3}, {1, 2, 3, 3, 4, 9}));
  ASSERT_TRUE(mean.has_value());
  EXPECT_THAT(mean->shape, ElementsAre(1, 3));
  EXPECT_THAT(values_of<float>(*mean), ElementsAre(2, 3, 6));
  EXPECT_FALSE(mean_of(tensor_of<std::int64_t>(DType::int64, {1, 1}, {1})).has_value());
}

TEST(AReply, IsJsonWithNullWhereThereIsNoNumber) {
  constexpr auto infinity = std::numeric_limits<float>::infinity();
  const auto prediction =
      prediction_of(tensor_of<float>(DType::float32, {2, 1, 2}, {infinity, 1, infinity, 1}));
  ASSERT_TRUE(prediction.has_value());
  EXPECT_EQ(json_reply(*prediction),
            R"({"inference":[[null,1.0]],"uncertainty":{"variance":[[null,0.0]],"std":[[null,0.0]]}})");
}

TEST(AReply, WithoutAMethodHasAnEmptyUncertainty) {
  const Prediction prediction{.inference = tensor_of<std::int64_t>(DType::int64, {2}, {3, 1})};
  EXPECT_EQ(json_reply(prediction), R"({"inference":[3,1],"uncertainty":{}})");
  EXPECT_THAT(pickle_reply(prediction), HasSubstr("LongStorage"));
}

}  // namespace
}  // namespace fedlog::actors
