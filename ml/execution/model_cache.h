#pragma once

#include <torch/script.h>

#include <cstdint>
#include <expected>
#include <list>
#include <string>
#include <unordered_map>

#include "ml/execution/kept_state.h"
#include "ml/execution/model_archive.h"

// Includes torch: for this folder's sources only.
namespace fedlog::ml {

// Loaded models by id; the least recently used go first when their files' sizes exceed the budget. What one
// request does to a model is gone for the next: of a model that may keep state, each gets a copy, and where a
// copy would share the state, the model is not kept at all.
class ModelCache {
 public:
  explicit ModelCache(std::uint64_t budget_bytes) : budget_bytes_(budget_bytes) {}

  // The model called `id` for one request, loaded from `file` when it is not kept.
  [[nodiscard]] std::expected<torch::jit::Module, ExecutionError> get(const std::string& id,
                                                                      const OwnedDescriptor& file);
  void forget(const std::string& id);
  void clear();
  [[nodiscard]] std::size_t size() const { return by_id_.size(); }

 private:
  struct Entry {
    std::string id;
    torch::jit::Module model;
    KeptState state = KeptState::nowhere;
    std::uint64_t size_bytes = 0;
  };
  void remove(std::list<Entry>::iterator entry);

  std::uint64_t budget_bytes_;
  std::uint64_t used_bytes_ = 0;
  std::list<Entry> recent_first_;
  std::unordered_map<std::string, std::list<Entry>::iterator> by_id_;
};

}  // namespace fedlog::ml
