#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "storage/commit_planner.h"
#include "storage/journal.h"
#include "storage/tables.h"

namespace fedlog::storage {

struct PendingCommit {
  Commit commit;
  std::function<void(Committed)> done;
};

// Makes commits durable, a group in one write, and answers them in order. The first write that fails is the
// last one: from then on every commit is answered with that failure.
class GroupCommitter {
 public:
  GroupCommitter(Tables& tables, const Vault& vault, Clock clock);

  // One thread at a time. `done` of each is called before it returns.
  void commit(std::vector<PendingCommit> group);

  [[nodiscard]] const LogHead& head() const { return planner_.head(); }  // on the committing thread
  [[nodiscard]] std::optional<JournalError> failure() const;             // any thread

 private:
  [[nodiscard]] std::optional<JournalError> try_commit(const std::vector<PendingCommit>& group,
                                                       std::vector<Committed>& results);

  Tables& tables_;
  CommitPlanner planner_;
  mutable std::mutex mutex_;
  std::optional<JournalError> failure_;
};

}  // namespace fedlog::storage
