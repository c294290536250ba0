#include "actors/statistics.h"

#include <spdlog/spdlog.h>

namespace fedlog::actors {
namespace {

using std::chrono::steady_clock;

std::string key_of(const domain::Model& model) {
  std::string key = model.owner.text() + "," + model.weights->text();
  for (const auto& extent : *model.input_shape) key += extent ? "," + std::to_string(*extent) : ",-";
  return key;
}

// Files and shapes do not change.
constexpr auto for_ever = steady_clock::duration::max();

}  // namespace

Statistics::Statistics(const storage::Storage& storage, Inference::Execute execute, StatisticsLimits limits,
                       Clock clock)
    : storage_(storage), execute_(std::move(execute)), limits_(limits), clock_(std::move(clock)) {}

std::shared_ptr<const ml::ModelStatistics> Statistics::of(domain::UserId caller, const domain::Model& model) {
  if (!model.weights || !model.input_shape || model.kind == domain::ModelKind::local) return nullptr;
  const auto key = key_of(model);
  auto computation = std::make_shared<Computation>();
  {
    std::unique_lock lock(mutex_);
    if (auto kept = find(key)) return *std::move(kept);
    const auto [other, is_first] = computing_.try_emplace(key, computation);
    if (!is_first) return await(lock, other->second);
  }
  Computed result;
  try {
    result = compute(caller, model);
  } catch (const std::exception& error) {
    spdlog::error("statistics of model {} failed: {}", model.id.text(), error.what());
  }
  const std::lock_guard lock(mutex_);
  *computation = {.done = true, .statistics = result.statistics};
  computing_.erase(key);
  computed_.notify_all();
  if (result.kept > steady_clock::duration::zero()) keep(key, result);
  return result.statistics;
}

Statistics::Shared Statistics::await(std::unique_lock<std::mutex>& lock,
                                     const std::shared_ptr<const Computation>& computation) {
  if (waits_ >= limits_.waits_max) return nullptr;
  ++waits_;
  const auto mine = computation;  // the other caller may be done with it
  computed_.wait_for(lock, limits_.wait_max, [&] { return mine->done; });
  --waits_;
  return mine->statistics;
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
    return {.statistics = nullptr, .kept = kept_after(outputs.error().code)};
  }
  if (outputs->size() != 1) return {};
  auto statistics = ml::decode_statistics(outputs->front().bytes);
  if (!statistics) {
    spdlog::warn("no statistics of model {}: {}", model.id.text(), statistics.error());
    return {.statistics = nullptr, .kept = limits_.ended_kept};
  }
  return {.statistics = std::make_shared<const ml::ModelStatistics>(std::move(*statistics)),
          .kept = for_ever};
}

steady_clock::duration Statistics::kept_after(ExecutionErrorCode code) const {
  switch (code) {
    case ExecutionErrorCode::busy:
    case ExecutionErrorCode::caller_busy:
    case ExecutionErrorCode::worker_unavailable:
      return steady_clock::duration::zero();
    case ExecutionErrorCode::deadline_exceeded:
    case ExecutionErrorCode::out_of_memory:
    case ExecutionErrorCode::worker_failed:
      return limits_.ended_kept;
    default:
      return for_ever;
  }
}

std::size_t Statistics::weight(const Entry& entry) {
  return 1 + (entry.statistics ? entry.statistics->layers.size() : 0);
}

std::optional<Statistics::Shared> Statistics::find(const std::string& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  if (found->second->until <= clock_()) {
    forget(found->second);
    return std::nullopt;
  }
  recent_first_.splice(recent_first_.begin(), recent_first_, found->second);
  return found->second->statistics;
}

void Statistics::keep(std::string key, Computed computed) {
  const auto until = computed.kept == for_ever ? steady_clock::time_point::max() : clock_() + computed.kept;
  recent_first_.push_front(
      {.key = std::move(key), .statistics = std::move(computed.statistics), .until = until});
  by_key_[recent_first_.front().key] = recent_first_.begin();
  weight_ += weight(recent_first_.front());
  while (weight_ > limits_.layers_kept) forget(std::prev(recent_first_.end()));
}

void Statistics::forget(std::list<Entry>::iterator entry) {
  weight_ -= weight(*entry);
  by_key_.erase(entry->key);
  recent_first_.erase(entry);
}

}  // namespace fedlog::actors
