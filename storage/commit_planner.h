#pragma once

#include "storage/journal.h"
#include "storage/log_head.h"
#include "storage/overlay.h"
#include "storage/vault.h"

namespace fedlog::storage {

// What a commit changes in the tables: gives positions, versions, times, ids and hashes, checks expectations,
// folds the events into the views. Writes nothing itself. One thread.
class CommitPlanner {
 public:
  CommitPlanner(LogHead head, const Vault& vault, Clock clock)
      : head_(head), vault_(&vault), clock_(std::move(clock)) {}

  // Adds the commit's changes to `group`, which has those of commits before it; on an error it is as it was.
  [[nodiscard]] Committed plan(const Commit& commit, Overlay& group);

  [[nodiscard]] const LogHead& head() const { return head_; }

 private:
  LogHead head_;
  const Vault* vault_;
  Clock clock_;
};

}  // namespace fedlog::storage
