#include "storage/group_committer.h"

#include <exception>
#include <utility>

namespace fedlog::storage {
namespace {

JournalError failure_of_write(const WriteFailure& failure) {
  if (failure.disk_full) {
    return {.code = JournalErrorCode::disk_full,
            .message = "the disk is full: nothing is written until the server is restarted with room (" +
                       failure.message + ")",
            .reply = {}};
  }
  return {.code = JournalErrorCode::failed,
          .message = "writing to the journal failed: nothing is written until the server is restarted (" +
                     failure.message + ")",
          .reply = {}};
}

}  // namespace

GroupCommitter::GroupCommitter(Tables& tables, const Vault& vault, Clock clock)
    : tables_(tables), planner_(read_log_head(tables), vault, std::move(clock)) {}

std::optional<JournalError> GroupCommitter::failure() const {
  const std::lock_guard lock(mutex_);
  return failure_;
}

std::optional<JournalError> GroupCommitter::try_commit(const std::vector<PendingCommit>& group,
                                                       std::vector<Committed>& results) {
  if (auto before = failure()) return before;
  try {
    Overlay overlay(tables_);
    for (const auto& pending : group) results.push_back(planner_.plan(pending.commit, overlay));
    if (overlay.empty()) return std::nullopt;
    const auto written = tables_.write(overlay.changes(), Durability::synced);
    if (!written) return failure_of_write(written.error());
  } catch (const std::exception& error) {  // stored bytes that cannot be read
    return failure_of_write({.disk_full = false, .message = error.what()});
  }
  return std::nullopt;
}

void GroupCommitter::commit(std::vector<PendingCommit> group) {
  std::vector<Committed> results;
  results.reserve(group.size());
  if (const auto error = try_commit(group, results)) {
    {
      const std::lock_guard lock(mutex_);
      failure_ = error;
    }
    results.assign(group.size(), std::unexpected(*error));
  }
  for (std::size_t index = 0; index < group.size(); ++index) {
    group[index].done(std::move(results[index]));
  }
}

}  // namespace fedlog::storage
