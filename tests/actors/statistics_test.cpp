#include "actors/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <latch>

#include "storage/data_folder.h"
#include "tests/temporary_folder.h"

namespace fedlog::actors {
namespace {

using ::testing::ElementsAre;
using ::testing::IsNull;
using ::testing::NotNull;
using ::testing::Optional;
using ::testing::SizeIs;

const domain::UserId caller{};

ml::Tensor sent_layers(std::size_t count) {
  std::vector<ml::LayerStatistics> layers(count);
  for (std::size_t index = 0; index < count; ++index) {
    layers[index].class_name = "Linear";
    layers[index].is_leaf_layer = true;
    layers[index].num_params = 8;
  }
  auto bytes = ml::encode_statistics({.input_size = {1, 3}, .layers = std::move(layers)}, 4);
  const auto size = static_cast<std::int64_t>(bytes.size());
  return {.dtype = ml::DType::uint8, .shape = {size}, .bytes = std::move(bytes)};
}

class TheStatistics : public ::testing::Test {
 protected:
  domain::Model model(const std::string& content = "weights") {
    domain::Model model;
    model.weights = storage->blobs().put(std::as_bytes(std::span{content})).value();
    model.input_shape = domain::InputShape{std::nullopt, 3};
    return model;
  }

  Inference::Outputs execute(const ExecutionRequest& request) {
    asked.push_back(request);
    return answer;
  }

  TemporaryFolder folder;
  std::unique_ptr<storage::Storage> storage = storage::open_memory_storage(folder.path());
  std::vector<ExecutionRequest> asked;
  Inference::Outputs answer = std::vector<ml::Tensor>{sent_layers(1)};
  Statistics statistics{*storage, [this](const ExecutionRequest& request) { return execute(request); }, 10};
};

TEST_F(TheStatistics, ComeFromRunningTheModelOnce) {
  const auto found = statistics.of(caller, model());
  ASSERT_THAT(found, NotNull());
  EXPECT_EQ(found->total_params, 8);
  ASSERT_THAT(asked, SizeIs(1));
  EXPECT_EQ(asked[0].operation, ml::WorkerOperation::statistics);
  EXPECT_THAT(asked[0].input_shape, Optional(ElementsAre(-1, 3)));
  EXPECT_EQ(asked[0].models.at(0).id, model().weights->text());
  EXPECT_EQ(statistics.of(caller, model()), found);
  EXPECT_THAT(asked, SizeIs(1));
}

TEST_F(TheStatistics, AreOfAFileAndAShape) {
  (void)statistics.of(caller, model());
  (void)statistics.of(caller, model("other weights"));
  auto other_shape = model();
  other_shape.input_shape = domain::InputShape{1, 3};
  (void)statistics.of(caller, other_shape);
  EXPECT_THAT(asked, SizeIs(3));
}

TEST_F(TheStatistics, AreMissingWithoutAShapeOrAFileAndForLocalModels) {
  auto without_shape = model();
  without_shape.input_shape.reset();
  auto without_file = model();
  without_file.weights.reset();
  auto local = model();
  local.kind = domain::ModelKind::local;
  for (const auto& each : {without_shape, without_file, local})
    EXPECT_THAT(statistics.of(caller, each), IsNull());
  EXPECT_THAT(asked, SizeIs(0));
}

TEST_F(TheStatistics, AreMissingOnceAndForAllWhereTheModelFails) {
  for (const auto code : {ExecutionErrorCode::input_mismatch, ExecutionErrorCode::deadline_exceeded}) {
    answer = std::unexpected(ExecutionError{code, "no"});
    const auto failing = model(std::to_string(static_cast<int>(code)));
    EXPECT_THAT(statistics.of(caller, failing), IsNull());
    answer = std::vector<ml::Tensor>{sent_layers(1)};
    EXPECT_THAT(statistics.of(caller, failing), IsNull());
  }
  EXPECT_THAT(asked, SizeIs(2));
}

TEST_F(TheStatistics, AreTriedAgainWhenNoWorkerWasFree) {
  for (const auto code :
       {ExecutionErrorCode::busy, ExecutionErrorCode::caller_busy, ExecutionErrorCode::worker_unavailable}) {
    answer = std::unexpected(ExecutionError{code, "later"});
    EXPECT_THAT(statistics.of(caller, model()), IsNull());
  }
  answer = std::vector<ml::Tensor>{sent_layers(1)};
  EXPECT_THAT(statistics.of(caller, model()), NotNull());
}

TEST_F(TheStatistics, AreNotInventedFromNonsense) {
  answer = std::vector<ml::Tensor>{{.dtype = ml::DType::uint8, .shape = {0}, .bytes = {}}};
  EXPECT_THAT(statistics.of(caller, model()), IsNull());
  answer = std::vector<ml::Tensor>{};
  EXPECT_THAT(statistics.of(caller, model("other")), IsNull());
}

TEST_F(TheStatistics, ForgetTheOldestWhenThereAreTooManyLayers) {
  answer = std::vector<ml::Tensor>{sent_layers(4)};
  (void)statistics.of(caller, model("one"));
  (void)statistics.of(caller, model("two"));
  (void)statistics.of(caller, model("one"));  // used again, so it stays
  (void)statistics.of(caller, model("three"));
  EXPECT_THAT(asked, SizeIs(3));
  (void)statistics.of(caller, model("one"));
  EXPECT_THAT(asked, SizeIs(3));
  (void)statistics.of(caller, model("two"));
  EXPECT_THAT(asked, SizeIs(4));
}

TEST_F(TheStatistics, AreComputedOnceForAllWhoAskAtTheSameTime) {
  std::latch all_ask(4);
  Statistics shared(*storage, [&](const ExecutionRequest& request) {
    all_ask.wait();  // nobody is answered before everybody has asked
    return execute(request);
  });
  std::vector<std::future<std::shared_ptr<const ml::ModelStatistics>>> askers;
  for (int asker = 0; asker < 4; ++asker) {
    askers.push_back(std::async(std::launch::async, [&] {
      all_ask.count_down();
      return shared.of(caller, model());
    }));
  }
  for (auto& asker : askers) EXPECT_THAT(asker.get(), NotNull());
  EXPECT_THAT(asked, SizeIs(1));
}

}  // namespace
}  // namespace fedlog::actors
