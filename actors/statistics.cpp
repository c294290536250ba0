#include "actors/statistics.h"

#include <spdlog/spdlog.h>

namespace fedlog::actors {
namespace {

std::string key_of(const domain::Model& model) {
  std::string key = model.weights->text();
  for (const auto& extent : *model.input_shape) key += extent ? "," + std::to_string(*extent) : ",-";
  return key;
}

// Whether the same would come out of another try.
bool is_lasting(ExecutionErrorCode code) {
  return code != ExecutionErrorCode::busy && code != ExecutionErrorCode::caller_busy &&
         code != ExecutionErrorCode::worker_unavailable;
}

}  // namespace

Statistics::Statistics(const storage::Storage& storage, Inference::Execute execute, std::size_t layers_kept)
    : storage_(storage), execute_(std::move(execute)), layers_kept_(layers_kept) {}

std::shared_ptr<const ml::ModelStatistics> Statistics::of(domain::UserId caller, const domain::Model& model) {
  if (!model.weights || !model.input_shape || model.kind == domain::ModelKind::local) return nullptr;
  const auto key = key_of(model);
  {
    std::unique_lock lock(mutex_);
    // Only one caller has it computed; the others wait for that.
    computed_.wait(lock, [&] { return !computing_.contains(key); });
    if (const auto found = by_key_.find(key); found != by_key_.end()) {
      recent_first_.splice(recent_first_.begin(), recent_first_, found->second);
      return found->second->statistics;
    }
    computing_.insert(key);
  }
  Computed result;
  try {
    result = compute(caller, model);
  } catch (const std::exception& error) {
    spdlog::error("statistics of model {} failed: {}", model.id.text(), error.what());
  }
  const std::lock_guard lock(mutex_);
  computing_.erase(key);
  computed_.notify_all();
  if (result.lasting) keep(key, result.statistics);
  return result.statistics;
}

Statistics::Computed Statistics::compute(domain::UserId caller, const domain::Model& model) const {
  auto path = storage_.blobs().path(*model.weights);
  if (!path) return {};
  constexpr std::int64_t any_size = -1;
  ExecutionRequest request;
  request.operation = ml::WorkerOperation::statistics;
  request.models = {{.id = model.weights->text(), .path = std::move(*path)}};
  request.input_shape.emplace();
  for (const auto& extent : *model.input_shape) request.input_shape->push_back(extent.value_or(any_size));
  request.isolation_group = model.owner.text();
  request.caller = caller.text();
  request.model = model.id.text();
  const auto outputs = execute_(request);
  if (!outputs) {
    spdlog::debug("no statistics of model {}: {}", model.id.text(), outputs.error().message);
    return {.lasting = is_lasting(outputs.error().code), .statistics = nullptr};
  }
  if (outputs->size() != 1) return {};
  auto statistics = ml::decode_statistics(outputs->front().bytes);
  if (!statistics) {
    spdlog::warn("no statistics of model {}: {}", model.id.text(), statistics.error());
    return {.lasting = true, .statistics = nullptr};
  }
  return {.lasting = true, .statistics = std::make_shared<const ml::ModelStatistics>(std::move(*statistics))};
}

std::size_t Statistics::weight(const Entry& entry) {
  return 1 + (entry.statistics ? entry.statistics->layers.size() : 0);
}

void Statistics::keep(std::string key, Shared statistics) {
  recent_first_.push_front({.key = std::move(key), .statistics = std::move(statistics)});
  by_key_[recent_first_.front().key] = recent_first_.begin();
  weight_ += weight(recent_first_.front());
  while (weight_ > layers_kept_) forget_oldest();
}

void Statistics::forget_oldest() {
  const auto& oldest = recent_first_.back();
  weight_ -= weight(oldest);
  by_key_.erase(oldest.key);
  recent_first_.pop_back();
}

}  // namespace fedlog::actors
