#include "ml/execution/model_cache.h"

#include <unistd.h>

namespace fedlog::ml {

std::expected<torch::jit::Module, ExecutionError> ModelCache::get(const std::string& id,
                                                                  OwnedDescriptor file) {
  if (const auto found = by_id_.find(id); found != by_id_.end()) {
    recent_first_.splice(recent_first_.begin(), recent_first_, found->second);
    return found->second->model;
  }
  const auto end = ::lseek(file.get(), 0, SEEK_END);
  const auto size_bytes = end < 0 ? 0 : static_cast<std::uint64_t>(end);
  // Room first, so that the old and the new do not have to fit into memory together.
  while (!recent_first_.empty() && used_bytes_ + size_bytes > budget_bytes_)
    remove(std::prev(recent_first_.end()));

  auto model = load_model(std::move(file));
  if (!model || size_bytes > budget_bytes_) return model;
  recent_first_.push_front({.id = id, .model = *model, .size_bytes = size_bytes});
  by_id_[id] = recent_first_.begin();
  used_bytes_ += size_bytes;
  return model;
}

void ModelCache::forget(const std::string& id) {
  if (const auto found = by_id_.find(id); found != by_id_.end()) remove(found->second);
}

void ModelCache::remove(std::list<Entry>::iterator entry) {
  used_bytes_ -= entry->size_bytes;
  by_id_.erase(entry->id);
  recent_first_.erase(entry);
}

}  // namespace fedlog::ml
