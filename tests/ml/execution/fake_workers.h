#pragma once

#include <cstring>
#include <future>
#include <thread>

#include "actors/worker_pool.h"

// Workers that misbehave on demand (fake_model_worker.cpp).
namespace fedlog::actors::testing {

using Outputs = std::expected<std::vector<ml::Tensor>, ExecutionError>;

inline WorkerPoolOptions fake_workers() {
  WorkerPoolOptions options;
  options.process.worker_path = FEDLOG_FAKE_MODEL_WORKER;
  options.slots = 1;
  return options;
}

inline ExecutionRequest behave(std::string behaviour) {
  ExecutionRequest request;
  request.models = {{.id = std::move(behaviour), .path = "/dev/null"}};
  return request;
}

inline std::int64_t number(const Outputs& outputs) {
  if (!outputs || outputs->size() != 1 || outputs->front().bytes.size() != sizeof(std::int64_t)) return -1;
  std::int64_t value = 0;
  std::memcpy(&value, outputs->front().bytes.data(), sizeof value);
  return value;
}

inline ExecutionErrorCode error_code(const Outputs& outputs) {
  return outputs ? ExecutionErrorCode{} : outputs.error().code;
}

inline ExecutionRequest behave(std::string behaviour, std::string caller, std::string model) {
  auto request = behave(std::move(behaviour));
  request.caller = std::move(caller);
  request.model = std::move(model);
  return request;
}

// Starts requests that block; whoever waits on counters() spins, because the pool has no other sign of it.
template <class Condition>
void until(const Condition& condition) {
  while (!condition()) std::this_thread::yield();
}

}  // namespace fedlog::actors::testing
