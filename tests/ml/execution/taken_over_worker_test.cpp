// What is left to a model that has taken over its worker's machine code (taken_over_worker.cpp).

#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "actors/worker_pool.h"

namespace fedlog::actors {
namespace {

using Outputs = std::expected<std::vector<ml::Tensor>, ExecutionError>;

WorkerPoolOptions taken_over_workers() {
  WorkerPoolOptions options;
  options.process.worker_path = FEDLOG_TAKEN_OVER_WORKER;
  options.slots = 1;
  return options;
}

Outputs attempt(WorkerPool& pool, std::string what) {
  ExecutionRequest request;
  request.models = {{.id = std::move(what), .path = "/dev/null"}};
  return pool.run(request);
}

std::int64_t error_number(const Outputs& outputs) {
  std::int64_t value = -1;
  if (outputs && outputs->size() == 1) std::memcpy(&value, outputs->front().bytes.data(), sizeof value);
  return value;
}

class Assault : public testing::TestWithParam<const char*> {};

TEST_P(Assault, CostsTheWorkerAndTellsItsCaller) {
  WorkerPool pool(taken_over_workers());
  ASSERT_EQ(error_number(attempt(pool, "nothing")), 0);
  const auto outputs = attempt(pool, GetParam());
  ASSERT_FALSE(outputs);
  EXPECT_EQ(outputs.error().code, ExecutionErrorCode::worker_failed);
  EXPECT_EQ(outputs.error().message, "it tried what the sandbox forbids");
  EXPECT_EQ(pool.counters().lost, 1U);
  EXPECT_EQ(error_number(attempt(pool, "nothing")), 0) << "the next request has a new worker";
}

INSTANTIATE_TEST_SUITE_P(TakenOverWorker, Assault,
                         testing::Values("kill the server", "trace the server", "read the server's memory",
                                         "fork", "run a program", "call home"));

class Refusal : public testing::TestWithParam<std::pair<const char*, int>> {};

TEST_P(Refusal, IsAllThatTheAttemptGets) {
  WorkerPool pool(taken_over_workers());
  EXPECT_EQ(error_number(attempt(pool, GetParam().first)), GetParam().second) << GetParam().first;
  EXPECT_FALSE(std::filesystem::exists("taken-over"));
  EXPECT_EQ(error_number(attempt(pool, "nothing")), 0);
  EXPECT_EQ(pool.counters().started, 1U);
}

INSTANTIATE_TEST_SUITE_P(TakenOverWorker, Refusal,
                         testing::Values(std::pair{"read the server's memory map", EPERM},
                                         std::pair{"read the server's environment", EPERM},
                                         std::pair{"create a file", EPERM}, std::pair{"take 100 GB", ENOMEM},
                                         std::pair{"take 100 GB as a stack", EPERM}));

TEST(TakenOverWorker, IsEndedAtTheDeadline) {
  auto options = taken_over_workers();
  options.process.deadline_ms = 50;
  WorkerPool pool(options);
  const auto outputs = attempt(pool, "never end");
  ASSERT_FALSE(outputs);
  EXPECT_EQ(outputs.error().code, ExecutionErrorCode::deadline_exceeded);
  EXPECT_EQ(error_number(attempt(pool, "nothing")), 0);
}

}  // namespace
}  // namespace fedlog::actors
