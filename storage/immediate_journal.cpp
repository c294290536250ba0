#include "storage/immediate_journal.h"

#include <utility>

namespace fedlog::storage {

ImmediateJournal::ImmediateJournal(Tables& tables, const Vault& vault, Clock clock)
    : TableJournal(tables, vault, clock), committer_(tables, vault, clock) {}

void ImmediateJournal::append(Commit commit, std::function<void(Committed)> done) {
  std::unique_lock lock(mutex_);
  queue_.push_back({std::move(commit), std::move(done)});
  if (committing_) return;
  committing_ = true;
  while (!queue_.empty()) {
    std::vector<PendingCommit> next;
    next.push_back(std::move(queue_.front()));
    queue_.pop_front();
    lock.unlock();
    committer_.commit(std::move(next));
    lock.lock();
  }
  committing_ = false;
}

std::optional<JournalError> ImmediateJournal::failure() {
  return committer_.failure();
}

}  // namespace fedlog::storage
