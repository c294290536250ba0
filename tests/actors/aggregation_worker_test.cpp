#include "actors/aggregation_worker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>

#include "ml/model_file.h"
#include "storage/data_folder.h"
#include "tests/actors/tensors.h"
#include "tests/actors/trainings.h"
#include "tests/actors/vector_file.h"
#include "tests/ml/archive_writer.h"
#include "tests/temporary_folder.h"

namespace fedlog::actors {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Outcome = std::expected<domain::BlobId, std::string>;

class Aggregations : public ::testing::Test {
 protected:
  Aggregations() { std::filesystem::create_directory(scratch); }

  domain::BlobId put(std::vector<float> values) {
    const auto content = ml::state_dict_file({{.name = "weight", .values = std::move(values)}});
    return storage->blobs().put(std::as_bytes(std::span{content})).value();
  }

  static domain::Update update(domain::BlobId weights, std::int64_t sample_size) {
    return {.participant = {}, .model = {}, .weights = weights, .sample_size = sample_size};
  }

  Outcome outcome_of(domain::Aggregation aggregation) {
    std::promise<Outcome> done;
    worker.aggregate(std::move(aggregation),
                     [&](Outcome outcome, const auto&) { done.set_value(std::move(outcome)); });
    return done.get_future().get();
  }

  std::vector<float> weights_of(domain::BlobId blob) {
    const auto path = storage->blobs().path(blob).value();
    const auto file = ml::ModelFile::open(path);
    EXPECT_TRUE(file.has_value());
    return values_of<float>(file->read(*file->find("weight")));
  }

  TemporaryFolder folder;
  std::filesystem::path scratch = folder.path() / "scratch";
  std::unique_ptr<storage::Storage> storage = storage::open_memory_storage(folder.path());
  AggregationWorker worker{storage->blobs(), scratch, 2};
};

TEST_F(Aggregations, WeighUpdatesByTheirSamples) {
  const auto outcome = outcome_of(
      {.round = 0, .base = put({0, 0}), .updates = {update(put({2, 4}), 1), update(put({6, 8}), 3)}});
  ASSERT_TRUE(outcome.has_value()) << outcome.error();
  EXPECT_THAT(weights_of(*outcome), ElementsAre(5, 7));
}

TEST_F(Aggregations, ComeToTheSameBlobWhenTheyAreRepeated) {
  const domain::Aggregation aggregation{
      .round = 0, .base = put({0}), .updates = {update(put({0.1F}), 3), update(put({0.7F}), 7)}};
  EXPECT_EQ(outcome_of(aggregation).value(), outcome_of(aggregation).value());
}

TEST_F(Aggregations, LeaveNoScratchFiles) {
  const auto good = outcome_of({.round = 0, .base = put({0}), .updates = {update(put({1}), 1)}});
  const auto bad = outcome_of({.round = 0, .base = put({0}), .updates = {update(put({1, 2}), 1)}});
  EXPECT_TRUE(good.has_value());
  EXPECT_FALSE(bad.has_value());
  EXPECT_TRUE(std::filesystem::is_empty(scratch));
}

TEST_F(Aggregations, SayWhichTensorDoesNotFit) {
  const auto outcome = outcome_of({.round = 0, .base = put({0}), .updates = {update(put({1, 2}), 1)}});
  ASSERT_FALSE(outcome.has_value());
  EXPECT_THAT(outcome.error(), HasSubstr("weight"));
}

TEST_F(Aggregations, SayThatAFileIsMissing) {
  const auto without_update = outcome_of({.round = 0, .base = put({0}), .updates = {update(blob_id(1), 1)}});
  const auto without_base = outcome_of({.round = 0, .base = blob_id(1), .updates = {update(put({0}), 1)}});
  EXPECT_THAT(without_update.error(), HasSubstr("missing from the blob store"));
  EXPECT_THAT(without_base.error(), HasSubstr("missing from the blob store"));
}

TEST_F(Aggregations, SayThatTheResultCannotBeWritten) {
  std::filesystem::remove(scratch);
  const auto outcome = outcome_of({.round = 0, .base = put({0}), .updates = {update(put({1}), 1)}});
  EXPECT_FALSE(outcome.has_value());
}

class Averages : public Aggregations {
 protected:
  domain::BlobId put_vector(const std::vector<float>& values) {
    const auto content = vector_file(values);
    return storage->blobs().put(std::as_bytes(std::span{content})).value();
  }
  std::expected<domain::AveragedMoments, std::string> outcome_of(domain::Averaging averaging) {
    std::promise<std::expected<domain::AveragedMoments, std::string>> done;
    worker.average(std::move(averaging),
                   [&](auto outcome, const auto&) { done.set_value(std::move(outcome)); });
    return done.get_future().get();
  }
  domain::Averaging example() {
    return {.round = 1,
            .moments = {{.participant = {},
                         .first_moment = put_vector({1, 0.1F}),
                         .second_moment = put_vector({1, 0.3F}),
                         .form = {},
                         .sample_size = 1},
                        {.participant = {},
                         .first_moment = put_vector({5, 0.7F}),
                         .second_moment = put_vector({25, 0.9F}),
                         .form = {},
                         .sample_size = 3}}};
  }
  std::vector<float> values(domain::BlobId blob) {
    return values_of<float>(ml::read_tensor(storage->blobs().path(blob).value()).value());
  }
};

TEST_F(Averages, WeighBothMomentsByTheirSamples) {
  const auto averaged = outcome_of(example());
  ASSERT_TRUE(averaged.has_value()) << averaged.error();
  EXPECT_EQ(values(averaged->first_moment).at(0), 4);
  EXPECT_EQ(values(averaged->second_moment).at(0), 19);
}

TEST_F(Averages, ComeToTheSameBlobsWhenTheyAreRepeated) {
  const auto once = outcome_of(example());
  const auto again = outcome_of(example());
  EXPECT_EQ(once->first_moment, again->first_moment);
  EXPECT_EQ(once->second_moment, again->second_moment);
}

TEST_F(Averages, SayWhatIsWrong) {
  auto missing = example();
  missing.moments[1].second_moment = blob_id(1);
  EXPECT_THAT(outcome_of(missing).error(), HasSubstr("missing from the blob store"));
  auto unfit = example();
  unfit.moments[1].first_moment = put_vector({1, 2, 3});
  EXPECT_THAT(outcome_of(unfit).error(), HasSubstr("[3]"));
}

TEST_F(Aggregations, DoNotWaitForEachOther) {
  std::promise<void> release;
  std::promise<void> first_ended;
  const domain::Aggregation aggregation{.round = 0, .base = put({0}), .updates = {update(put({1}), 1)}};
  worker.aggregate(aggregation, [&](const Outcome&, const auto&) {
    release.get_future().wait();
    first_ended.set_value();
  });
  EXPECT_TRUE(outcome_of(aggregation).has_value()) << "while the first one's thread is held";
  release.set_value();
  first_ended.get_future().wait();
}

}  // namespace
}  // namespace fedlog::actors
