#include "storage/blob_holds.h"

#include <utility>

namespace fedlog::storage {

BlobHold BlobHolds::take(domain::BlobId id) {
  // Allocated before it is counted, so that a count always has somebody to end it.
  auto holder =
      std::shared_ptr<const void>(nullptr, [holds = shared_from_this(), id](const void*) { holds->end(id); });
  const std::lock_guard lock(mutex_);
  ++counts_[id];
  return holder;
}

bool BlobHolds::unless_held(domain::BlobId id, const std::function<bool()>& action) {
  const std::lock_guard lock(mutex_);
  return !counts_.contains(id) && action();
}

void BlobHolds::when_let_go(std::function<void(domain::BlobId)> let_go) {
  const std::lock_guard lock(mutex_);
  let_go_ = std::move(let_go);
}

void BlobHolds::end(domain::BlobId id) {
  std::function<void(domain::BlobId)> let_go;
  {
    const std::lock_guard lock(mutex_);
    const auto found = counts_.find(id);
    if (found == counts_.end() || --found->second > 0) return;
    counts_.erase(found);
    let_go = let_go_;
  }
  if (let_go) let_go(id);
}

}  // namespace fedlog::storage
