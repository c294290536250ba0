#include "actors/training_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedlog::actors {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

TEST(TrainingOptions, HaveDefaults) {
  const auto options = read_training_options(json::object());
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(*options, domain::TrainingOptions{});
}

TEST(TrainingOptions, AreUnderstoodAndKeptAsTheyWere) {
  const auto given =
      json::parse(R"({"daisy_chain_period":3,"mine":[1],"uncertainty":{"N":20,"softmax":true}})");
  const auto options = read_training_options(given);
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->daisy_chain_period, 3);
  EXPECT_EQ(options->uncertainty_samples, 20);
  EXPECT_TRUE(options->uncertainty_softmax);
  EXPECT_EQ(json::parse(options->json), given);
}

TEST(TrainingOptions, AreAcceptedUpToTheirBounds) {
  for (const auto* text : {R"({"daisy_chain_period":0})", R"({"daisy_chain_period":1000000})",
                           R"({"uncertainty":{"N":1}})", R"({"uncertainty":{"N":10000}})",
                           R"({"uncertainty":{}})", R"({"uncertainty":{"softmax":false,"more":{}}})"}) {
    EXPECT_TRUE(read_training_options(json::parse(text)).has_value()) << text;
  }
}

TEST(TrainingOptions, AreRefusedByName) {
  struct Case {
    const char* text;
    const char* names;
  };
  for (const auto& [text, names] : std::initializer_list<Case>{
           {R"({"daisy_chain_period":-1})", "daisy_chain_period: Must be a whole number from 0 to 1000000."},
           {R"({"daisy_chain_period":1000001})", "daisy_chain_period"},
           {R"({"daisy_chain_period":1.5})", "daisy_chain_period"},
           {R"({"daisy_chain_period":"3"})", "daisy_chain_period"},
           {R"({"daisy_chain_period":null})", "daisy_chain_period"},
           {R"({"daisy_chain_period":18446744073709551615})", "daisy_chain_period"},
           {R"({"uncertainty":[]})", "uncertainty: Not a valid mapping type."},
           {R"({"uncertainty":null})", "uncertainty"},
           {R"({"uncertainty":{"N":0}})", "uncertainty.N: Must be a whole number from 1 to 10000."},
           {R"({"uncertainty":{"N":10001}})", "uncertainty.N"},
           {R"({"uncertainty":{"softmax":1}})", "uncertainty.softmax: Not a valid boolean."},
       }) {
    const auto options = read_training_options(json::parse(text));
    ASSERT_FALSE(options.has_value()) << text;
    EXPECT_EQ(options.error().reason, domain::Reason::invalid_field) << text;
    EXPECT_EQ(options.error().field, "options") << text;
    EXPECT_THAT(options.error().message, HasSubstr(names)) << text;
  }
}

}  // namespace
}  // namespace fedlog::actors
