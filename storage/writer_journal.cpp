#include "storage/writer_journal.h"

#include <algorithm>
#include <utility>

namespace fedlog::storage {
namespace {

std::size_t events_of(const Commit& commit) {
  std::size_t events = 0;
  for (const auto& append : commit.appends) events += append.events.size();
  return std::max<std::size_t>(events, 1);
}

}  // namespace

WriterJournal::WriterJournal(Tables& tables, const Vault& vault, WriterOptions options)
    : TableJournal(tables, vault, options.clock),
      options_(std::move(options)),
      committer_(tables, vault, options_.clock),
      writer_([this] { run(); }) {}

WriterJournal::~WriterJournal() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  writer_.join();
}

void WriterJournal::append(Commit commit, std::function<void(Committed)> done) {
  {
    const std::lock_guard lock(mutex_);
    if (!stopping_) {
      queue_.push_back({std::move(commit), std::move(done)});
      done = nullptr;
    }
  }
  if (done) {
    done(std::unexpected(JournalError{
        .code = JournalErrorCode::closed, .message = "the journal is being closed", .reply = {}}));
  } else {
    wake_.notify_one();
  }
}

std::optional<JournalError> WriterJournal::failure() {
  return committer_.failure();
}

// Called with the lock held. At least one commit, and then as many as stay within the group's size.
std::vector<PendingCommit> WriterJournal::take_group() {
  std::vector<PendingCommit> group;
  std::size_t events = 0;
  while (!queue_.empty()) {
    events += events_of(queue_.front().commit);
    if (!group.empty() && events > options_.group_events_max) break;
    group.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return group;
}

void WriterJournal::write_checkpoint() {
  const auto& head = committer_.head();
  if (committer_.failure() || head.position == checkpointed_) return;
  options_.checkpoint(head);
  checkpointed_ = head.position;
  checkpoint_due_ = std::chrono::steady_clock::now() + options_.checkpoint_interval;
}

void WriterJournal::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto has_work = [this] { return stopping_ || !queue_.empty(); };
    if (committer_.head().position == checkpointed_ || committer_.failure()) {
      wake_.wait(lock, has_work);
    } else {
      wake_.wait_until(lock, checkpoint_due_, has_work);
    }
    auto group = take_group();
    const bool ends = stopping_ && group.empty();
    lock.unlock();
    if (!group.empty()) committer_.commit(std::move(group));
    if (ends || std::chrono::steady_clock::now() >= checkpoint_due_) write_checkpoint();
    if (ends) return;
    lock.lock();
  }
}

}  // namespace fedlog::storage
