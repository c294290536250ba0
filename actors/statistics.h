#pragma once

#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "actors/inference.h"
#include "ml/model_statistics.h"
#include "storage/storage.h"

namespace fedlog::actors {

// Statistics of models, by running each once in a model worker. What came out is kept in memory by the file
// and the input shape, which never change; so is that a model has none, because its file cannot be executed
// or refuses the shape. That no worker was free is not kept. Blocks its caller while the worker computes; any
// thread.
class Statistics {
 public:
  // What it is given outlives it.
  Statistics(const storage::Storage& storage, Inference::Execute execute, std::size_t layers_kept = 200'000);

  // Null where there are none: of models without a file or an input shape, of local ones, and where running
  // the model fails.
  [[nodiscard]] std::shared_ptr<const ml::ModelStatistics> of(domain::UserId caller,
                                                              const domain::Model& model);

 private:
  using Shared = std::shared_ptr<const ml::ModelStatistics>;
  struct Entry {
    std::string key;
    Shared statistics;
  };
  // Whether it may be kept, and what.
  struct Computed {
    bool lasting = false;
    Shared statistics;
  };

  [[nodiscard]] Computed compute(domain::UserId caller, const domain::Model& model) const;
  void keep(std::string key, Shared statistics);
  void forget_oldest();
  [[nodiscard]] static std::size_t weight(const Entry& entry);

  const storage::Storage& storage_;
  Inference::Execute execute_;
  const std::size_t layers_kept_;
  std::mutex mutex_;
  std::condition_variable computed_;
  std::unordered_set<std::string> computing_;
  std::list<Entry> recent_first_;
  std::unordered_map<std::string, std::list<Entry>::iterator> by_key_;
  std::size_t weight_ = 0;
};

}  // namespace fedlog::actors
