#include "actors/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
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
using ::testing::UnorderedElementsAre;

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
  std::chrono::steady_clock::time_point now;
  Statistics statistics{*storage,
                        [this](const ExecutionRequest& request) { return execute(request); },
                        {.layers_kept = 10},
                        [this] { return now; }};
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

TEST_F(TheStatistics, AreOfAnOwnersFileAndAShape) {
  (void)statistics.of(caller, model());
  (void)statistics.of(caller, model("other weights"));
  auto other_shape = model();
  other_shape.input_shape = domain::InputShape{1, 3};
  (void)statistics.of(caller, other_shape);
  EXPECT_THAT(asked, SizeIs(3));
  auto of_another_owner = model();
  of_another_owner.owner.uuid.bytes[15] = 7;
  (void)statistics.of(caller, of_another_owner);
  ASSERT_THAT(asked, SizeIs(4));
  EXPECT_EQ(asked[3].isolation_group, of_another_owner.owner.text());
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
  for (const auto code : {ExecutionErrorCode::input_mismatch, ExecutionErrorCode::model_unsupported}) {
    answer = std::unexpected(ExecutionError{code, "no"});
    const auto failing = model(std::to_string(static_cast<int>(code)));
    EXPECT_THAT(statistics.of(caller, failing), IsNull());
    now += std::chrono::years{1};
    answer = std::vector<ml::Tensor>{sent_layers(1)};
    EXPECT_THAT(statistics.of(caller, failing), IsNull());
  }
  EXPECT_THAT(asked, SizeIs(2));
}

TEST_F(TheStatistics, AreMissingForMinutesWhereAWorkerWasEnded) {
  for (const auto code : {ExecutionErrorCode::deadline_exceeded, ExecutionErrorCode::out_of_memory,
                          ExecutionErrorCode::worker_failed}) {
    asked.clear();
    answer = std::unexpected(ExecutionError{code, "no"});
    const auto failing = model(std::to_string(static_cast<int>(code)));
    EXPECT_THAT(statistics.of(caller, failing), IsNull());
    answer = std::vector<ml::Tensor>{sent_layers(1)};
    now += std::chrono::minutes{4};
    EXPECT_THAT(statistics.of(caller, failing), IsNull());
    EXPECT_THAT(asked, SizeIs(1));
    now += std::chrono::minutes{1};
    EXPECT_THAT(statistics.of(caller, failing), NotNull());
    now += std::chrono::years{1};
    EXPECT_THAT(statistics.of(caller, failing), NotNull());
    EXPECT_THAT(asked, SizeIs(2));
  }
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

// A caller whose model takes as long as the test wants, and others who ask for the same meanwhile.
class SlowStatistics : public TheStatistics {
 protected:
  void start(StatisticsLimits limits) {
    slow = std::make_unique<Statistics>(
        *storage,
        [this](const ExecutionRequest& request) {
          if (!begun.try_wait()) begun.count_down();
          go_on.wait();
          return execute(request);
        },
        limits);
    first = std::async(std::launch::async, [this] { return slow->of(caller, model()); });
    begun.wait();
  }

  // Three ask, of whom two may wait; one is told nothing while the model still runs. Whether the other two
  // are told something in the end.
  std::vector<bool> told_to_three() {
    std::promise<void> somebody_went_without;
    std::atomic<bool> is_over = false;
    std::vector<std::future<bool>> askers;
    for (int asker = 0; asker < 3; ++asker) {
      askers.push_back(std::async(std::launch::async, [&] {
        const auto found = slow->of(caller, model());
        if (!is_over.exchange(true)) somebody_went_without.set_value();
        return found != nullptr;
      }));
    }
    EXPECT_EQ(somebody_went_without.get_future().wait_for(std::chrono::seconds{20}),
              std::future_status::ready);
    go_on.count_down();
    std::vector<bool> told;
    for (auto& asker : askers) told.push_back(asker.get());
    return told;
  }

  std::latch begun{1};
  std::latch go_on{1};
  std::unique_ptr<Statistics> slow;
  std::future<std::shared_ptr<const ml::ModelStatistics>> first;
};

TEST_F(SlowStatistics, AreNotWaitedForByMoreThanAFew) {
  start({.waits_max = 2, .wait_max = std::chrono::hours{1}});
  EXPECT_THAT(told_to_three(), UnorderedElementsAre(false, true, true));
  EXPECT_THAT(first.get(), NotNull());
  EXPECT_THAT(asked, SizeIs(1));
}

TEST_F(SlowStatistics, AreNotComputedByThoseWhoWaitedInVain) {
  answer = std::unexpected(ExecutionError{ExecutionErrorCode::busy, "later"});
  start({.waits_max = 2, .wait_max = std::chrono::hours{1}});
  EXPECT_THAT(told_to_three(), UnorderedElementsAre(false, false, false));
  EXPECT_THAT(first.get(), IsNull());
  EXPECT_THAT(asked, SizeIs(1));
}

TEST_F(SlowStatistics, AreNotWaitedForLong) {
  start({.wait_max = std::chrono::milliseconds{1}});
  EXPECT_THAT(slow->of(caller, model()), IsNull());
  go_on.count_down();
  EXPECT_THAT(first.get(), NotNull());
  EXPECT_THAT(slow->of(caller, model()), NotNull());
}

}  // namespace
}  // namespace fedlog::actors
