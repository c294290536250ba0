#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "storage/group_committer.h"
#include "storage/table_journal.h"

namespace fedlog::storage {

struct WriterOptions {
  std::size_t group_events_max = 1024;
  Clock clock = system_time;

  // Told the head of the log on the writer's thread: after commits, at most once an interval, and at the end.
  // What it is told is on disk.
  std::function<void(const LogHead&)> checkpoint = [](const LogHead&) {};
  std::chrono::milliseconds checkpoint_interval{1000};
};

// The journal of a server: one thread takes what has queued up and commits it as one group. Its destructor
// commits what is queued first.
class WriterJournal final : public TableJournal {
 public:
  WriterJournal(Tables& tables, const Vault& vault, WriterOptions options);
  ~WriterJournal() override;

  void append(Commit commit, std::function<void(Committed)> done) override;
  [[nodiscard]] std::optional<JournalError> failure() override;

 private:
  void run();
  [[nodiscard]] std::vector<PendingCommit> take_group();
  void write_checkpoint();

  WriterOptions options_;
  GroupCommitter committer_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<PendingCommit> queue_;
  bool stopping_ = false;
  std::uint64_t checkpointed_ = 0;                          // position; the writer's thread
  std::chrono::steady_clock::time_point checkpoint_due_{};  // likewise
  std::thread writer_;                                      // last: uses all of the above
};

}  // namespace fedlog::storage
