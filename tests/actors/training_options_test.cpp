#include "actors/training_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedlog::actors {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

TEST(TrainingOptions, HaveDefaults) {
  const auto options = read_training_options(json::object(), {});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(*options, domain::TrainingOptions{});
}

TEST(TrainingOptions, AreTheServersDefaultsWhereTheySayNothing) {
  domain::TrainingOptions defaults;
  defaults.round_deadline_s = 60;
  defaults.min_updates_fraction = 0.5;
  defaults.on_unreachable = domain::OnUnreachable::error;
  auto options = read_training_options(json::object(), defaults);
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(*options, defaults);
  options = read_training_options({{"round_deadline_s", 0}, {"min_updates", 3}}, defaults);
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->round_deadline_s, 0);
  EXPECT_EQ(options->min_updates, 3);
  EXPECT_EQ(options->min_updates_fraction, 1.0);
  EXPECT_EQ(options->on_unreachable, domain::OnUnreachable::error);
}

TEST(TrainingOptions, SayHowLongARoundWaitsAndWhatFollows) {
  const auto options = read_training_options(
      json::parse(R"({"round_deadline_s":600,"test_deadline_s":60,"min_updates":0.5,"on_deadline":"error",
                      "on_unreachable":"error","max_rounds_without_quorum":3,"mu":0.01,"open_to_join":true})"),
      {});
  ASSERT_TRUE(options.has_value()) << options.error().message;
  EXPECT_EQ(options->round_deadline_s, 600);
  EXPECT_EQ(options->test_deadline_s, 60);
  EXPECT_EQ(options->min_updates, 0);
  EXPECT_EQ(options->min_updates_fraction, 0.5);
  EXPECT_EQ(options->on_deadline, domain::OnDeadline::error);
  EXPECT_EQ(options->on_unreachable, domain::OnUnreachable::error);
  EXPECT_EQ(options->max_rounds_without_quorum, 3);
  EXPECT_EQ(options->mu, 0.01);
  EXPECT_TRUE(options->open_to_join);
}

TEST(TrainingOptions, TellACountOfUpdatesFromAFraction) {
  const auto one = read_training_options({{"min_updates", 1}}, {});
  EXPECT_EQ(one->min_updates, 1);
  domain::TrainingOptions counted;
  counted.min_updates = 7;
  const auto all = read_training_options({{"min_updates", 1.0}}, counted);
  EXPECT_EQ(all->min_updates, 0);
  EXPECT_EQ(all->min_updates_fraction, 1.0);
}

TEST(TrainingOptions, AreUnderstoodAndKeptAsTheyWere) {
  const auto given =
      json::parse(R"({"daisy_chain_period":3,"mine":[1],"uncertainty":{"N":20,"softmax":true}})");
  const auto options = read_training_options(given, {});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->daisy_chain_period, 3);
  EXPECT_EQ(options->uncertainty_samples, 20);
  EXPECT_TRUE(options->uncertainty_softmax);
  EXPECT_EQ(json::parse(options->json), given);
}

TEST(TrainingOptions, AreAcceptedUpToTheirBounds) {
  for (const auto* text :
       {R"({"daisy_chain_period":0})", R"({"daisy_chain_period":1000000})", R"({"uncertainty":{"N":1}})",
        R"({"uncertainty":{"N":10000}})", R"({"uncertainty":{}})",
        R"({"uncertainty":{"softmax":false,"more":{}}})", R"({"round_deadline_s":0})",
        R"({"round_deadline_s":31536000})", R"({"min_updates":1})", R"({"min_updates":2000})",
        R"({"min_updates":1.0})", R"({"min_updates":0.001})", R"({"max_rounds_without_quorum":0})",
        R"({"mu":0})", R"({"mu":1000000})", R"({"on_deadline":"continue"})",
        R"({"on_unreachable":"remove"})"}) {
    EXPECT_TRUE(read_training_options(json::parse(text), {}).has_value()) << text;
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
           {R"({"round_deadline_s":-1})", "round_deadline_s: Must be a whole number from 0 to 31536000."},
           {R"({"round_deadline_s":1.5})", "round_deadline_s"},
           {R"({"test_deadline_s":31536001})", "test_deadline_s"},
           {R"({"min_updates":0})",
            "min_updates: Must be a whole number from 1 to 2000, or a fraction of the participants above 0.0 "
            "and up to 1.0."},
           {R"({"min_updates":2001})", "min_updates"},
           {R"({"min_updates":0.0})", "min_updates"},
           {R"({"min_updates":1.5})", "min_updates"},
           {R"({"min_updates":"1"})", "min_updates"},
           {R"({"on_deadline":"stop"})", "on_deadline: Must be \"continue\" or \"error\"."},
           {R"({"on_deadline":null})", "on_deadline"},
           {R"({"on_unreachable":"wait"})", "on_unreachable: Must be \"remove\" or \"error\"."},
           {R"({"max_rounds_without_quorum":-1})", "max_rounds_without_quorum"},
           {R"({"mu":-0.1})", "mu: Must be a number from 0 to 1000000."},
           {R"({"mu":"1"})", "mu"},
           {R"({"mu":true})", "mu"},
           {R"({"open_to_join":1})", "open_to_join: Not a valid boolean."},
       }) {
    const auto options = read_training_options(json::parse(text), {});
    ASSERT_FALSE(options.has_value()) << text;
    EXPECT_EQ(options.error().reason, domain::Reason::invalid_field) << text;
    EXPECT_EQ(options.error().field, "options") << text;
    EXPECT_THAT(options.error().message, HasSubstr(names)) << text;
  }
}

}  // namespace
}  // namespace fedlog::actors
