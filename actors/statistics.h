#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "actors/inference.h"
#include "ml/model_statistics.h"
#include "storage/storage.h"

namespace fedlog::actors {

struct StatisticsLimits {
  std::size_t layers_kept = 200'000;
  // Callers that wait for what another one has computed, all together, and for how long. Who may not wait, or
  // not any longer, goes without.
  std::size_t waits_max = 8;
  std::chrono::milliseconds wait_max{5'000};
  // How long it is remembered that a worker was ended over a model: that may have had to do with the worker.
  std::chrono::seconds ended_kept{300};
};

// Statistics of models, by running each once in a model worker. What came out is kept in memory by the owner
// (whose models may falsify each other's, but nobody else's), the file and the input shape, which never
// change; so is that a model has none, because its file cannot be executed or refuses the shape. That no
// worker was free is not kept. Blocks its caller while the worker computes; any thread.
class Statistics {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  // What it is given outlives it.
  Statistics(const storage::Storage& storage, Inference::Execute execute, StatisticsLimits limits = {},
             Clock clock = std::chrono::steady_clock::now);

  // Null where there are none: of models without a file or an input shape, of local ones, and where running
  // the model fails; and while they are not known.
  [[nodiscard]] std::shared_ptr<const ml::ModelStatistics> of(domain::UserId caller,
                                                              const domain::Model& model);

 private:
  using Shared = std::shared_ptr<const ml::ModelStatistics>;
  struct Entry {
    std::string key;
    Shared statistics;
    std::chrono::steady_clock::time_point until;
  };
  // What came out, and how long that may be kept.
  struct Computed {
    Shared statistics;
    std::chrono::steady_clock::duration kept = std::chrono::steady_clock::duration::zero();
  };
  // One caller has it computed; the others wait for that.
  struct Computation {
    bool done = false;
    Shared statistics;
  };

  [[nodiscard]] Computed compute(domain::UserId caller, const domain::Model& model) const;
  // How long it holds that the model failed with this.
  [[nodiscard]] std::chrono::steady_clock::duration kept_after(ExecutionErrorCode code) const;
  [[nodiscard]] Shared await(std::unique_lock<std::mutex>& lock,
                             const std::shared_ptr<const Computation>& computation);
  // What is kept under the key, null as well; nothing where nothing is.
  [[nodiscard]] std::optional<Shared> find(const std::string& key);
  void keep(std::string key, Computed computed);
  void forget(std::list<Entry>::iterator entry);
  [[nodiscard]] static std::size_t weight(const Entry& entry);

  const storage::Storage& storage_;
  Inference::Execute execute_;
  const StatisticsLimits limits_;
  const Clock clock_;
  std::mutex mutex_;
  std::condition_variable computed_;
  std::unordered_map<std::string, std::shared_ptr<Computation>> computing_;
  std::size_t waits_ = 0;
  std::list<Entry> recent_first_;
  std::unordered_map<std::string, std::list<Entry>::iterator> by_key_;
  std::size_t weight_ = 0;
};

}  // namespace fedlog::actors
