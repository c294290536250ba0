#pragma once

#include <deque>
#include <mutex>

#include "storage/group_committer.h"
#include "storage/table_journal.h"

namespace fedlog::storage {

// A journal without a thread, for tests: `append` commits at once and calls `done` before it returns. Called
// from within a `done`, or while another thread appends, it leaves the commit to that call, which does it
// next.
class ImmediateJournal final : public TableJournal {
 public:
  ImmediateJournal(Tables& tables, const Vault& vault, Clock clock = system_time);

  void append(Commit commit, std::function<void(Committed)> done) override;
  [[nodiscard]] std::optional<JournalError> failure() override;

 private:
  GroupCommitter committer_;
  std::mutex mutex_;
  std::deque<PendingCommit> queue_;
  bool committing_ = false;
};

}  // namespace fedlog::storage
