#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <barrier>
#include <chrono>
#include <future>
#include <limits>
#include <thread>

#include "ml/model_file.h"
#include "tests/actors/captured_log.h"
#include "tests/actors/living_system.h"
#include "tests/actors/tensors.h"

namespace fedlog::actors {
namespace {

using namespace testing;
using domain::Reason;
using domain::TrainingState;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class Trainings : public ThreeUsers {
 protected:
  std::vector<float> weights_of(domain::TrainingId id) {
    const auto path = storage.blobs().path(training(id).weights.value()).value();
    const auto file = ml::ModelFile::open(path);
    EXPECT_TRUE(file.has_value());
    return values_of<float>(file->read(*file->find("weight")));
  }

  // Through to the end, with everyone doing what they are told when they are told.
  void run(domain::TrainingId id, std::int64_t rounds) {
    ASSERT_TRUE(gateway().start_training(as(owner), id).has_value());
    for (std::int64_t round = 0; round < rounds; ++round) {
      receiver.wait_for("/ada", "UPDATE_ROUND_START", round);
      receiver.wait_for("/bob", "UPDATE_ROUND_START", round);
      const auto step = static_cast<float>(round);
      ASSERT_TRUE(submit(ada, id, {1 + step, 2}, 1).has_value());
      ASSERT_TRUE(submit(bob, id, {5 + step, 6}, 3).has_value());
      receiver.wait_for("/ada", "MODEL_TEST_ROUND", round + 1);
      receiver.wait_for("/bob", "MODEL_TEST_ROUND", round + 1);
      ASSERT_TRUE(report(ada, id).has_value());
      ASSERT_TRUE(report(bob, id).has_value());
    }
    receiver.wait_for("/owner", "TRAINING_FINISHED");
  }

  // The one place that polls: a training comes to rest by itself, and nobody is told.
  void wait_until_all_rest() {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{30};
    while (system->awake_trainings() > 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::yield();
    }
    ASSERT_EQ(system->awake_trainings(), 0U);
  }
};

TEST_F(Trainings, RunThroughAllRoundsToTheirEnd) {
  const auto id = create_training(owner, {ada, bob}, 2);
  run(id, 2);
  const auto after = training(id);
  EXPECT_EQ(after.state, TrainingState::completed);
  EXPECT_EQ(after.round, 2);
  EXPECT_THAT(weights_of(id), ElementsAre(5, 5));
  receiver.wait_for("/ada", "TRAINING_FINISHED");
  receiver.wait_for("/bob", "TRAINING_FINISHED");
}

TEST_F(Trainings, AggregateOnceWhenTheLastUpdatesComeTogether) {
  std::vector<domain::UserId> participants;
  for (int number = 0; number < 8; ++number)
    participants.push_back(add_user("user" + std::to_string(number)));
  const auto id = create_training(owner, participants);
  ASSERT_TRUE(gateway().start_training(as(owner), id).has_value());
  std::barrier together{8};
  {
    std::vector<std::jthread> threads;
    for (const auto& participant : participants) {
      threads.emplace_back([&, participant] {
        together.arrive_and_wait();
        EXPECT_TRUE(submit(participant, id, {1, 2}).has_value());
      });
    }
  }
  receiver.wait_for("/user0", "MODEL_TEST_ROUND", 1);
  EXPECT_EQ(count(id, "UpdateAccepted"), 8U);
  EXPECT_EQ(count(id, "RoundClosed"), 1U);
  EXPECT_EQ(count(id, "RoundAggregated"), 1U);
}

TEST_F(Trainings, RefuseUpdatesOfStrangersAndBadFiles) {
  const auto id = create_training(owner, {ada, bob});
  const auto model = training(id).model;
  EXPECT_EQ(gateway().may_submit_update(as(ada), model, 0).error().reason, Reason::wrong_state);
  ASSERT_TRUE(gateway().start_training(as(owner), id).has_value());
  EXPECT_TRUE(gateway().may_submit_update(as(ada), model, 0).has_value());
  EXPECT_EQ(gateway().may_submit_update(as(ada), model, 1).error().reason, Reason::wrong_round);
  EXPECT_EQ(submit(owner, id, {1, 2}).error().reason, Reason::permission_denied);
  const auto unfit = submit(ada, id, {1, 2, 3});
  EXPECT_EQ(unfit.error().reason, Reason::invalid_file);
  EXPECT_THAT(unfit.error().message, StartsWith("Invalid model file: "));
  EXPECT_EQ(count(id, "UpdateAccepted"), 0U);
}

TEST_F(Trainings, AreForTheirOwnersToStart) {
  const auto id = create_training(owner, {ada});
  EXPECT_EQ(gateway().start_training(as(ada), id).error().reason, Reason::permission_denied);
  EXPECT_EQ(gateway().start_training(as(owner), {}).error().reason, Reason::training_not_found);
  EXPECT_EQ(gateway().readable_training(as(bob), id).error().reason, Reason::permission_denied);
  EXPECT_TRUE(gateway().readable_training(as(ada), id).has_value());
}

TEST_F(Trainings, TakeParticipantsThatExist) {
  const auto id = create_training(owner, {ada});
  EXPECT_EQ(gateway().add_participants(as(owner), id, {domain::UserId{}}).error().reason,
            Reason::participants_not_found);
  EXPECT_EQ(gateway().add_participants(as(ada), id, {domain::UserId{}}).error().reason,
            Reason::permission_denied)
      << "strangers learn nothing about users";
  ASSERT_TRUE(gateway().add_participants(as(owner), id, {bob}).has_value());
  ASSERT_TRUE(gateway().remove_participants(as(owner), id, {ada}).has_value());
  EXPECT_THAT(training(id).participants, ElementsAre(bob));
}

TEST_F(Trainings, CopyAModelThatAnotherTrainingUses) {
  const auto first = create_training(owner, {ada});
  TrainingRequest request;
  request.model = training(first).model;
  request.participants = {bob};
  const auto second = gateway().create_training(as(owner), request).value();
  EXPECT_NE(training(second).model, training(first).model);
  EXPECT_EQ(storage.views().model(training(second).model)->training, second);
}

TEST_F(Trainings, GoOnWithoutAParticipantThatRefusesItsWork) {
  receiver.set_status(500);
  const auto id = create_training(owner, {ada, bob});
  ASSERT_TRUE(gateway().start_training(as(owner), id).has_value());
  receiver.wait([](const auto& calls) { return calls.size() >= 6; });  // 2 starts, 2 rounds, 2 removals
  EXPECT_EQ(training(id).state, TrainingState::error);
  EXPECT_THAT(training(id).reason, StartsWith("No participant is left"));
}

TEST_F(Trainings, RestWhenTheyAreIdleAndWakeAsTheyWere) {
  stop();
  options.idle_passivate = std::chrono::milliseconds{1};
  start();
  const auto id = create_training(owner, {ada, bob});
  ASSERT_TRUE(gateway().start_training(as(owner), id).has_value());
  receiver.wait_for("/ada", "UPDATE_ROUND_START", 0);
  receiver.wait_for("/bob", "UPDATE_ROUND_START", 0);
  wait_until_all_rest();
  ASSERT_TRUE(submit(ada, id, {1, 2}).has_value());
  wait_until_all_rest();
  ASSERT_TRUE(submit(bob, id, {3, 4}).has_value());
  receiver.wait_for("/ada", "MODEL_TEST_ROUND", 1);
  EXPECT_THAT(weights_of(id), ElementsAre(2, 3));
  stop();
  EXPECT_TRUE(storage.journal().snapshot(storage::stream_of(id)).has_value()) << "from when it went to rest";
}

TEST_F(Trainings, GoOnUnderTheirSuccessorWhenTheyCrashOnTheirWayToRest) {
  stop();
  CapturedLog log;
  options.idle_passivate = std::chrono::milliseconds{1};
  start();
  const auto id = create_training(owner, {ada, bob});
  ASSERT_TRUE(gateway().start_training(as(owner), id).has_value());
  auto& journal = storage.journal();
  journal.hold_snapshots();
  journal.wait_for_a_held_snapshot();  // the first actor is about to end
  journal.hold_appends();
  auto update = std::async(std::launch::async, [&] { return submit(ada, id, {1, 2}).has_value(); });
  journal.wait_for_a_held_append();  // of its successor
  journal.fail_snapshots();
  EXPECT_THAT(log.wait_for("training actor crashed"), HasSubstr("crashed on its way to rest"))
      << "no reason to give up its successor";
  journal.release_appends();
  EXPECT_TRUE(update.get());
  EXPECT_EQ(count(id, "UpdateAccepted"), 1U);
  EXPECT_TRUE(submit(bob, id, {3, 4}).has_value());
  receiver.wait_for("/ada", "MODEL_TEST_ROUND", 1);
  stop();
}

TEST_F(Trainings, HaveATargetThatCanBeCounted) {
  TrainingRequest request;
  request.model = upload_model(as(owner)).value();
  request.target_num_updates = std::numeric_limits<std::int64_t>::max() / 2 + 1;
  request.options = {{"daisy_chain_period", 2}};
  const auto refused = gateway().create_training(as(owner), request);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().field, "target_num_updates");
  EXPECT_EQ(refused.error().message, "Must be less than or equal to 4611686018427387903.");
  request.target_num_updates -= 1;
  const auto id = gateway().create_training(as(owner), request);
  ASSERT_TRUE(id.has_value()) << id.error().message;
  EXPECT_EQ(training(*id).target_num_updates, std::numeric_limits<std::int64_t>::max() - 1);
}

TEST_F(Trainings, AnswerWithAnInternalErrorWhenTheirLogCannotBeRead) {
  const auto broken = create_training(owner, {ada, bob});
  const auto whole = create_training(owner, {ada, bob});
  storage.journal().break_stream(storage::stream_of(broken));
  for (int command = 0; command < 3; ++command) {
    EXPECT_EQ(gateway().start_training(as(owner), broken).error().reason, Reason::internal);
    EXPECT_EQ(gateway().start_training(as(ada), whole).error().reason, Reason::permission_denied);
  }
  EXPECT_TRUE(gateway().start_training(as(owner), whole).has_value());
  storage.journal().mend_stream(storage::stream_of(broken));
  EXPECT_TRUE(gateway().start_training(as(owner), broken).has_value());
}

TEST_F(Trainings, FinishAnAggregationThatARestartInterrupted) {
  stop();
  options.aggregation_threads = 0;  // it is asked for, and never made
  start();
  const auto id = create_training(owner, {ada, bob});
  ASSERT_TRUE(gateway().start_training(as(owner), id).has_value());
  ASSERT_TRUE(submit(ada, id, {1, 2}).has_value());
  ASSERT_TRUE(submit(bob, id, {3, 4}).has_value());
  EXPECT_EQ(training(id).phase, domain::Phase::aggregating);
  stop();
  options.aggregation_threads = 1;
  start();
  receiver.wait_for("/ada", "MODEL_TEST_ROUND", 1);
  EXPECT_THAT(weights_of(id), ElementsAre(2, 3));
  EXPECT_EQ(count(id, "RoundAggregated"), 1U);
}

TEST_F(Trainings, DeliverAfterARestartWhatWasPending) {
  stop();
  options.notifications.retry.first = options.notifications.retry.max = std::chrono::hours{1};
  start();
  receiver.set_status(503);
  const auto id = create_training(owner, {ada});
  ASSERT_TRUE(gateway().start_training(as(owner), id).has_value());
  const auto before = receiver.wait([](const auto& calls) { return calls.size() == 2; });
  stop();
  ASSERT_THAT(storage.views().outbox(0, 10), SizeIs(1));
  receiver.set_status(200);
  start();
  receiver.wait_for("/ada", "UPDATE_ROUND_START", 0);
  EXPECT_EQ(receiver.calls().back().delivery, before.back().delivery) << "the same one, for receivers to see";
}

TEST_F(Trainings, AreDeletedWithTheirModel) {
  const auto id = create_training(owner, {ada, bob});
  const auto model = training(id).model;
  ASSERT_TRUE(gateway().start_training(as(owner), id).has_value());
  ASSERT_TRUE(submit(ada, id, {1, 2}).has_value());
  const auto local = training(id).updates.at(0).model;
  EXPECT_EQ(gateway().delete_model(as(ada), model).error().reason, Reason::permission_denied);
  EXPECT_EQ(gateway().delete_model(as(ada), local).error().reason, Reason::invalid_request);
  ASSERT_TRUE(gateway().delete_model(as(owner), model).has_value());
  EXPECT_FALSE(storage.views().training(id));
  EXPECT_FALSE(storage.views().model(model));
  EXPECT_FALSE(storage.views().model(local));
  EXPECT_EQ(gateway().start_training(as(owner), id).error().reason, Reason::training_not_found);
}

TEST_F(Trainings, LeaveTheirModelWhenOnlyTheyAreDeleted) {
  const auto id = create_training(owner, {ada});
  const auto model = training(id).model;
  ASSERT_TRUE(gateway().delete_training(as(owner), id).has_value());
  EXPECT_FALSE(storage.views().training(id));
  EXPECT_FALSE(storage.views().model(model)->training);
  ASSERT_TRUE(gateway().delete_model(as(owner), model).has_value());
}

TEST_F(Trainings, AnswerARepeatedUpdateAsTheFirstTime) {
  const auto id = create_training(owner, {ada, bob});
  ASSERT_TRUE(gateway().start_training(as(owner), id).has_value());
  ASSERT_TRUE(submit(ada, id, {1, 2}, 1, "key").has_value());
  ASSERT_TRUE(submit(ada, id, {3, 4}, 1, "key").has_value());
  EXPECT_EQ(count(id, "UpdateAccepted"), 1U);
}

TEST_F(Trainings, AnswerARepeatedStartAsTheFirstTime) {
  const auto id = create_training(owner, {ada, bob});
  ASSERT_TRUE(gateway().start_training(as(owner, "key"), id).has_value());
  const auto again = gateway().start_training(as(owner, "key"), id);
  EXPECT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(count(id, "TrainingStarted"), 1U);
  EXPECT_EQ(gateway().start_training(as(owner), id).error().reason, Reason::already_started);
}

class Models : public LivingSystem {
 protected:
  domain::UserId ada = add_user("ada");
  domain::UserId bob = add_user("bob");
};

TEST_F(Models, AreWhatWasUploaded) {
  const auto id = upload_model(as(ada), weights({1, 2})).value();
  const auto model = gateway().readable_model(as(ada), id).value();
  EXPECT_EQ(model.owner, ada);
  EXPECT_EQ(gateway().blob_bytes(model.weights.value()).value(), weights({1, 2}));
  const auto file = gateway().blob(model.weights.value()).value();
  EXPECT_EQ(file.size_bytes, weights({1, 2}).size());
  EXPECT_EQ(gateway().readable_model(as(bob), id).error().reason, Reason::permission_denied);
  EXPECT_EQ(gateway().blob({}).error().reason, Reason::model_not_found);
}

TEST_F(Models, AreRefusedWithTheFilesFault) {
  const auto refused = upload_model(as(ada), "no model");
  EXPECT_EQ(refused.error().reason, Reason::invalid_file);
  EXPECT_THAT(refused.error().message, StartsWith("Invalid model file: "));
  EXPECT_EQ(storage.views().models_of(ada).count(), 0U);
}

TEST_F(Models, UploadedAgainUnderTheSameKeyAreTheSame) {
  const auto first = upload_model(as(ada, "key")).value();
  EXPECT_EQ(upload_model(as(ada, "key")).value(), first);
  EXPECT_NE(upload_model(as(ada, "another key")).value(), first);
  EXPECT_EQ(storage.views().models_of(ada).count(), 2U);
}

TEST_F(Models, OfAMeanMustBeTheCallersOwn) {
  const auto own = upload_model(as(ada)).value();
  const auto strange = upload_model(as(bob)).value();
  const auto mean = [&](std::vector<domain::ModelId> members) {
    return gateway().create_mean_model(
        as(ada), {.name = "mean", .description = {}, .input_shape = {}, .members = std::move(members)});
  };
  EXPECT_TRUE(mean({own}).has_value());
  EXPECT_EQ(mean({own, strange}).error().reason, Reason::invalid_members);
  EXPECT_EQ(mean({domain::ModelId{}}).error().reason, Reason::invalid_members);
}

TEST_F(Models, HaveMetricsOfThoseWhoMayRead) {
  const auto id = upload_model(as(ada)).value();
  ASSERT_TRUE(gateway().report_metrics(as(ada), id, {{"accuracy", 0.5}}).has_value());
  EXPECT_EQ(gateway().report_metrics(as(bob), id, {{"accuracy", 0.5}}).error().reason,
            Reason::permission_denied);
  EXPECT_EQ(storage.views().metrics_of(id).count(), 1U);
}

TEST_F(Models, SayWhyTheyCannotBeRun) {
  const auto id = upload_model(as(ada)).value();
  const auto answer =
      gateway().infer(as(ada), {.model = id, .input = nlohmann::json{1}, .binary_reply = false});
  EXPECT_EQ(answer.error().reason, Reason::busy);
  EXPECT_EQ(answer.error().message, options.worker_missing);
  EXPECT_EQ(gateway().infer(as(bob), {.model = id, .input = nlohmann::json{1}}).error().reason,
            Reason::permission_denied);
}

}  // namespace
}  // namespace fedlog::actors
