#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "ml/model_file.h"
#include "tests/actors/living_system.h"
#include "tests/actors/tensors.h"
#include "tests/actors/vector_file.h"

// Daisy chaining and SWAG rounds in a whole system, with restarts in the middle.
namespace fedlog::actors {
namespace {

using namespace testing;
using domain::Reason;
using domain::TrainingState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class Rounds : public ThreeUsers {
 protected:
  domain::TrainingId create(TrainingRequest request) {
    request.model = upload_model(as(owner)).value();
    request.participants = {ada, bob};
    return gateway().create_training(as(owner), request).value();
  }

  void restart() {
    stop();
    start();
  }
};

class DaisyChains : public Rounds {
 protected:
  domain::TrainingId create_chain() {
    TrainingRequest request;
    request.aggregation_method = domain::AggregationMethod::fed_dc;
    request.options = {{"daisy_chain_period", 2}};
    return create(std::move(request));
  }

  // Round 0 is over: each participant was told which local model to go on with.
  domain::TrainingId passed_on() {
    const auto id = create_chain();
    EXPECT_TRUE(gateway().start_training(as(owner), id).has_value());
    EXPECT_TRUE(submit(ada, id, {1, 2}).has_value());
    EXPECT_TRUE(submit(bob, id, {5, 6}).has_value());
    receiver.wait_for("/ada", "UPDATE_ROUND_START", 1);
    receiver.wait_for("/bob", "UPDATE_ROUND_START", 1);
    return id;
  }

  // The model that `target` was told to go on with.
  domain::ModelId told(const std::string& target) {
    for (const auto& call : receiver.calls()) {
      const auto& body = call.body["body"];
      if (call.target == target && call.body["notification_type"] == "UPDATE_ROUND_START" &&
          body["round"] == 1) {
        return domain::ModelId::parse(body["global_model_uuid"].get<std::string>()).value();
      }
    }
    return {};
  }

  Result<void> submit_to(domain::UserId user, domain::ModelId model, std::vector<float> values,
                         std::int64_t samples = 1) {
    return gateway().submit_update(
        as(user), model,
        {.round = 1, .sample_size = samples, .file = received(weights(std::move(values))), .metrics = {}});
  }
};

TEST_F(DaisyChains, GoOnFromLocalModelsAndAreAggregatedAtTheEndOfThePeriod) {
  const auto id = passed_on();
  EXPECT_EQ(training(id).target_num_updates, 2);
  EXPECT_EQ(count(id, "RoundAggregated"), 0U);
  EXPECT_NE(told("/ada"), told("/bob"));
  for (const auto& [participant, model] : std::map{std::pair{ada, told("/ada")}, {bob, told("/bob")}}) {
    const auto sender = gateway().readable_model(as(owner), model).value().owner;
    EXPECT_TRUE(gateway().readable_model(as(sender), model).has_value());
    EXPECT_TRUE(gateway().readable_model(as(participant), model).has_value());
  }
  EXPECT_TRUE(gateway().may_submit_update(as(ada), told("/ada"), 1).has_value());
  EXPECT_EQ(gateway().may_submit_update(as(ada), told("/bob"), 1).error().reason,
            Reason::no_training_for_model);
  ASSERT_TRUE(submit_to(ada, told("/ada"), {1, 1}, 1).has_value());
  ASSERT_TRUE(submit_to(bob, training(id).model, {5, 5}, 3).has_value());
  receiver.wait_for("/ada", "MODEL_TEST_ROUND", 2);
  const auto path = storage.blobs().path(training(id).weights.value()).value();
  const auto file = ml::ModelFile::open(path).value();
  EXPECT_THAT(values_of<float>(file.read(*file.find("weight"))), ElementsAre(4, 4));
  EXPECT_FALSE(storage.views().model(told("/ada"))) << "aggregated";
  ASSERT_TRUE(report(ada, id).has_value());
  ASSERT_TRUE(report(bob, id).has_value());
  receiver.wait_for("/owner", "TRAINING_FINISHED");
  EXPECT_EQ(training(id).state, TrainingState::completed);
}

TEST_F(DaisyChains, GoOnFromTheSameModelsAfterARestart) {
  const auto id = passed_on();
  const auto before = training(id).passed_on;
  restart();
  EXPECT_EQ(training(id).passed_on, before);
  ASSERT_TRUE(submit_to(ada, told("/ada"), {1, 1}).has_value()) << "loaded from the log, without chance";
  ASSERT_TRUE(submit_to(bob, told("/bob"), {3, 3}).has_value());
  receiver.wait_for("/bob", "MODEL_TEST_ROUND", 2);
  EXPECT_EQ(count(id, "ModelsPassedOn"), 1U);
}

TEST_F(DaisyChains, TakeUpdatesUnderAModelThatIsGoneNoMore) {
  const auto id = passed_on();
  const auto model = told("/ada");
  ASSERT_TRUE(gateway().remove_participants(as(owner), id, {ada}).has_value());
  EXPECT_EQ(submit_to(ada, model, {1, 1}).error().reason, Reason::model_not_found);
}

class SwagRounds : public Rounds {
 protected:
  // The SWAG round after round 0 is open.
  domain::TrainingId collecting() {
    TrainingRequest request;
    request.uncertainty_method = domain::UncertaintyMethod::swag;
    const auto id = create(std::move(request));
    EXPECT_TRUE(gateway().start_training(as(owner), id).has_value());
    EXPECT_TRUE(submit(ada, id, {1, 2}).has_value());
    EXPECT_TRUE(submit(bob, id, {5, 6}).has_value());
    receiver.wait([](const auto& calls) {
      return std::ranges::count_if(calls, [](const auto& call) {
               return call.body["notification_type"] == "SWAG_ROUND_START";
             }) >= 2;
    });
    return id;
  }

  template <class Element = float>
  Result<void> send(domain::UserId user, domain::TrainingId id, const std::vector<Element>& first,
                    const std::vector<Element>& second, std::int64_t samples = 1) {
    return gateway().submit_moments(as(user), training(id).model,
                                    {.round = training(id).round,
                                     .sample_size = samples,
                                     .first = received(vector_file(first)),
                                     .second = received(vector_file(second))});
  }

  std::vector<float> values(domain::BlobId blob) {
    return values_of<float>(ml::read_tensor(storage.blobs().path(blob).value()).value());
  }
};

TEST_F(SwagRounds, AverageMomentsBySampleSizeAndThenTest) {
  const auto id = collecting();
  EXPECT_EQ(training(id).state, TrainingState::swag_round);
  ASSERT_TRUE(send<float>(ada, id, {1, 2}, {1, 4}, 1).has_value());
  ASSERT_TRUE(send<float>(bob, id, {5, 6}, {25, 36}, 3).has_value());
  receiver.wait_for("/ada", "MODEL_TEST_ROUND", 1);
  const auto model = gateway().readable_model(as(ada), training(id).model).value();
  EXPECT_THAT(values(model.swag_first_moment.value()), ElementsAre(4, 5));
  EXPECT_THAT(values(model.swag_second_moment.value()), ElementsAre(19, 28));
  EXPECT_EQ(storage.views().metrics_of(model.id).count(), 6U);
  ASSERT_TRUE(report(ada, id).has_value());
  ASSERT_TRUE(report(bob, id).has_value());
  receiver.wait_for("/owner", "TRAINING_FINISHED");
  ASSERT_TRUE(gateway().delete_training(as(owner), id).has_value());
  EXPECT_EQ(storage.views().model(model.id)->swag_first_moment, model.swag_first_moment)
      << "the model keeps it";
}

TEST_F(SwagRounds, FinishAnAveragingThatARestartInterrupted) {
  const auto id = collecting();
  stop();
  options.aggregation_threads = 0;  // it is asked for, and never made
  start();
  ASSERT_TRUE(send<float>(ada, id, {1, 2}, {1, 4}).has_value());
  ASSERT_TRUE(send<float>(bob, id, {3, 4}, {9, 16}).has_value());
  EXPECT_EQ(training(id).phase, domain::Phase::averaging);
  stop();
  options.aggregation_threads = 1;
  start();
  receiver.wait_for("/ada", "MODEL_TEST_ROUND", 1);
  EXPECT_THAT(values(training(id).swag_first_moment.value()), ElementsAre(2, 3));
  EXPECT_EQ(count(id, "MomentsAveraged"), 1U);
}

TEST_F(SwagRounds, RefuseMomentsThatDoNotFit) {
  const auto id = collecting();
  const auto wrong_length = send<float>(ada, id, {1, 2, 3}, {1, 4, 9});
  EXPECT_EQ(wrong_length.error().reason, Reason::invalid_file);
  EXPECT_THAT(wrong_length.error().message, HasSubstr("Invalid first moment file: It has 3 values"));
  EXPECT_EQ(send<float>(owner, id, {1, 2}, {1, 4}).error().reason, Reason::permission_denied);
  ASSERT_TRUE(send<double>(ada, id, {1, 2}, {1, 4}).has_value());
  const auto other_form = send<float>(bob, id, {1, 2}, {1, 4});
  EXPECT_EQ(other_form.error().reason, Reason::invalid_file);
  EXPECT_THAT(other_form.error().message, HasSubstr("float64 [2]"));
  EXPECT_EQ(gateway().may_submit_moments(as(ada), training(id).model, 0).error().reason, Reason::wrong_round);
  EXPECT_EQ(gateway().may_submit_moments(as(ada), {}, 1).error().reason, Reason::model_not_found);
  EXPECT_EQ(count(id, "MomentsAccepted"), 1U);
}

TEST_F(SwagRounds, EndWithTheReasonWhenEverybodyRefusesThem) {
  TrainingRequest request;
  request.uncertainty_method = domain::UncertaintyMethod::swag;
  const auto id = create(std::move(request));
  ASSERT_TRUE(gateway().start_training(as(owner), id).has_value());
  receiver.wait_for("/ada", "UPDATE_ROUND_START", 0);
  receiver.wait_for("/bob", "UPDATE_ROUND_START", 0);
  receiver.set_status(500);  // as the contract's own client answers what it does not know
  ASSERT_TRUE(submit(ada, id, {1, 2}).has_value());
  ASSERT_TRUE(submit(bob, id, {5, 6}).has_value());
  receiver.wait([](const auto& calls) {
    return std::ranges::count_if(calls, [](const auto& call) {
             return call.body["notification_type"] == "CLIENT_REMOVED";
           }) >= 2;
  });
  EXPECT_EQ(training(id).state, TrainingState::error);
  EXPECT_THAT(training(id).reason, HasSubstr("No participant is left"));
}

}  // namespace
}  // namespace fedlog::actors
