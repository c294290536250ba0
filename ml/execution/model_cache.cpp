#include "ml/execution/model_cache.h"

#include <unistd.h>

namespace fedlog::ml {
namespace {

torch::jit::Module for_one_request(const torch::jit::Module& model, KeptState state) {
  return state == KeptState::nowhere ? model : model.deepcopy();
}

}  // namespace

std::expected<torch::jit::Module, ExecutionError> ModelCache::get(const std::string& id,
                                                                  const OwnedDescriptor& file) {
  if (const auto found = by_id_.find(id); found != by_id_.end()) {
    recent_first_.splice(recent_first_.begin(), recent_first_, found->second);
    return for_one_request(found->second->model, found->second->state);
  }
  const auto end = ::lseek(file.get(), 0, SEEK_END);
  const auto size_bytes = end < 0 ? 0 : static_cast<std::uint64_t>(end);
  // Room first, so that the old and the new do not have to fit into memory together.
  while (!recent_first_.empty() && used_bytes_ + size_bytes > budget_bytes_)
    remove(std::prev(recent_first_.end()));

  auto model = load_model(file);
  if (!model || size_bytes > budget_bytes_) return model;
  const auto state = kept_state(*model);
  if (state == KeptState::in_code) return model;
  recent_first_.push_front({.id = id, .model = *model, .state = state, .size_bytes = size_bytes});
  by_id_[id] = recent_first_.begin();
  used_bytes_ += size_bytes;
  return for_one_request(*model, state);
}

void ModelCache::forget(const std::string& id) {
  if (const auto found = by_id_.find(id); found != by_id_.end()) remove(found->second);
}

void ModelCache::clear() {
  while (!recent_first_.empty()) remove(recent_first_.begin());
}

void ModelCache::remove(std::list<Entry>::iterator entry) {
  used_bytes_ -= entry->size_bytes;
  by_id_.erase(entry->id);
  recent_first_.erase(entry);
}

}  // namespace fedlog::ml
