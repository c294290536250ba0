#include "actors/blob_collector.h"

#include <gtest/gtest.h>

#include <thread>

#include "storage/data_folder.h"
#include "storage/verify.h"
#include "tests/storage/examples.h"
#include "tests/temporary_folder.h"

namespace fedlog::actors {
namespace {

using storage::EventCodec;
using storage::stream_of;
using storage::testing::commit_of;
using storage::testing::model_id;
using storage::testing::training_id;
using storage::testing::user_id;

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

// Models and trainings whose blobs are small texts.
class CollectedBlobs : public ::testing::Test {
 protected:
  CollectedBlobs() { collector.wait_until_done(); }

  // Held until something is deleted.
  domain::BlobId blob(std::string_view content) {
    auto writer = storage->blobs().create().value();
    EXPECT_TRUE(writer->write(bytes_of(content)));
    const auto id = writer->commit().value();
    holds.push_back(writer->hold());
    return id;
  }
  [[nodiscard]] bool is_there(domain::BlobId id) const { return storage->blobs().path(id).has_value(); }

  void happens(const storage::StreamName& stream, storage::NewEvent event) {
    auto& journal = storage->journal();
    const auto committed =
        journal.append_and_wait(commit_of(stream, journal.version_of(stream), {std::move(event)}));
    ASSERT_TRUE(committed) << committed.error().message;
  }
  void happens_to_model(std::uint8_t number, const domain::ModelEvent& event) {
    happens(stream_of(model_id(number)), EventCodec::encode(event));
  }
  void happens_to_training(const domain::TrainingEvent& event) {
    happens(stream_of(training_id(1)), EventCodec::encode(event));
  }
  void upload(std::uint8_t number, domain::BlobId weights) {
    auto uploaded = storage::testing::uploaded(number, user_id(1));
    uploaded.weights = weights;
    happens_to_model(number, uploaded);
  }
  // Of model 1, with user 2; its weights are `blob("weights")`.
  void create_training() {
    const auto weights = blob("weights");
    upload(1, weights);
    happens_to_model(1, domain::ModelJoinedTraining{training_id(1)});
    auto created = storage::testing::created(1, 1, user_id(1), {user_id(2)});
    created.weights = weights;
    happens_to_training(created);
    happens_to_training(domain::TrainingStarted{});
    happens_to_training(domain::RoundOpened{0});
  }
  void run_a_round(domain::BlobId update, domain::BlobId result) {
    happens_to_training(domain::UpdateAccepted{user_id(2), model_id(5), 0, update, 10, {}});
    happens_to_training(domain::RoundClosed{0, {model_id(5)}});
    happens_to_training(domain::RoundAggregated{0, result});
  }
  void delete_training(domain::BlobId weights) {
    holds.clear();
    happens_to_training(domain::TrainingDeleted{});
    domain::ModelLeftTraining left;
    left.round = 1;
    left.weights = weights;
    happens_to_model(1, left);
    collector.deleted(stream_of(training_id(1)));
    collector.wait_until_done();
  }
  void delete_model(std::uint8_t number) {
    holds.clear();
    happens_to_model(number, domain::ModelDeleted{});
    collector.deleted(stream_of(model_id(number)));
    collector.wait_until_done();
  }

  TemporaryFolder folder;
  std::unique_ptr<storage::Storage> storage = storage::open_memory_storage(folder.path());
  BlobCollector collector{*storage};
  std::vector<storage::BlobHold> holds;
};

TEST_F(CollectedBlobs, GoWithTheModel) {
  const auto weights = blob("weights");
  upload(1, weights);
  delete_model(1);
  EXPECT_FALSE(is_there(weights));
}

TEST_F(CollectedBlobs, StayWhileAnotherModelHasTheSameContent) {
  const auto weights = blob("weights");
  upload(1, weights);
  upload(2, weights);
  delete_model(1);
  EXPECT_TRUE(is_there(weights));
  delete_model(2);
  EXPECT_FALSE(is_there(weights));
}

TEST_F(CollectedBlobs, OfATrainingsWholeCourseStayUntilItIsDeleted) {
  create_training();
  const auto update = blob("update");
  const auto result = blob("result");
  run_a_round(update, result);
  holds.clear();
  collector.deleted(stream_of(training_id(1)));  // too early: it finds that all is needed
  collector.wait_until_done();
  EXPECT_TRUE(is_there(*storage->views().model(model_id(1))->weights));
  EXPECT_TRUE(is_there(update));
  delete_training(result);
  EXPECT_FALSE(is_there(update));
  EXPECT_TRUE(is_there(result)) << "the model goes on with it";
}

TEST_F(CollectedBlobs, ThatAreMetricsOutliveTheTrainingAndGoWithTheModel) {
  create_training();
  const auto matrix = blob("confusion matrix");
  const auto moment = blob("moment");
  const auto result = blob("result");
  run_a_round(blob("update"), result);
  happens_to_training(domain::SwagRoundOpened{1});
  happens_to_training(domain::MomentsAccepted{user_id(2), 1, moment, moment, "float32 [8]", 10});
  happens_to_training(
      domain::MetricsReported{user_id(2), model_id(1), 1, {{"matrix", std::nullopt, matrix}}});
  delete_training(result);
  EXPECT_TRUE(is_there(matrix));
  EXPECT_TRUE(is_there(moment));
  delete_model(1);
  EXPECT_FALSE(is_there(matrix));
  EXPECT_FALSE(is_there(moment));
  EXPECT_EQ(storage::verify(*storage, {}).unused_blobs, 0U);
}

TEST_F(CollectedBlobs, ThatNobodyReferredToGoWithTheirHold) {
  domain::BlobId refused;
  {
    auto writer = storage->blobs().create().value();
    ASSERT_TRUE(writer->write(bytes_of("refused")));
    refused = writer->commit().value();
    collector.wait_until_done();
    EXPECT_TRUE(is_there(refused));
  }
  collector.wait_until_done();
  EXPECT_FALSE(is_there(refused));
}

TEST_F(CollectedBlobs, ThatWereLeftOverGoAtTheStart) {
  const auto weights = blob("weights");
  upload(1, weights);
  const auto left_over = blob("left over");
  storage->blobs().when_let_go({});  // as if the server had been killed
  holds.clear();
  BlobCollector another{*storage};
  another.wait_until_done();
  EXPECT_FALSE(is_there(left_over));
  EXPECT_TRUE(is_there(weights));
}

// One thread uploads always the same content and refers to it; the models that had it before are deleted at
// the same time. Whatever the order, a model that is there has its file.
TEST_F(CollectedBlobs, AreThereForTheNextWhoUploadsThemWhileTheLastGivesThemUp) {
  constexpr std::uint8_t models = 200;
  for (std::uint8_t number = 1; number <= models; ++number) {
    auto writer = storage->blobs().create().value();
    ASSERT_TRUE(writer->write(bytes_of("always the same")));
    std::jthread deletion([&] {
      if (number > 1) collector.deleted(stream_of(model_id(static_cast<std::uint8_t>(number - 1))));
    });
    const auto weights = writer->commit().value();
    upload(number, weights);
    writer.reset();
    deletion.join();
    collector.wait_until_done();
    ASSERT_TRUE(is_there(weights)) << "of model " << int{number};
    happens_to_model(number, domain::ModelDeleted{});
  }
}

}  // namespace
}  // namespace fedlog::actors
