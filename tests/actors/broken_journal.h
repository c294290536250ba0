#pragma once

#include <mutex>
#include <set>
#include <utility>

#include "storage/journal.h"

namespace fedlog::actors::testing {

// Passes everything on, but streams that a test has broken: their events are read with bytes that no event
// has. Any thread.
class BrokenJournal final : public storage::Journal {
 public:
  explicit BrokenJournal(storage::Journal& journal) : journal_(journal) {}

  void break_stream(const storage::StreamName& stream) {
    const std::lock_guard lock{mutex_};
    broken_.insert(stream);
  }
  void mend_stream(const storage::StreamName& stream) {
    const std::lock_guard lock{mutex_};
    broken_.erase(stream);
  }

  void append(storage::Commit commit, std::function<void(storage::Committed)> done) override {
    journal_.append(std::move(commit), std::move(done));
  }
  std::vector<storage::Envelope> read_stream(const storage::StreamName& stream,
                                             std::uint64_t from_version) override {
    auto envelopes = journal_.read_stream(stream, from_version);
    const std::lock_guard lock{mutex_};
    if (broken_.contains(stream)) {
      for (auto& envelope : envelopes) envelope.payload = "\xff";
    }
    return envelopes;
  }
  std::vector<storage::Envelope> read_all(std::uint64_t from_position, std::size_t limit) override {
    return journal_.read_all(from_position, limit);
  }
  std::uint64_t version_of(const storage::StreamName& stream) override { return journal_.version_of(stream); }
  std::uint64_t last_position() override { return journal_.last_position(); }
  std::optional<std::string> reply_to(const std::string& idempotency_key) override {
    return journal_.reply_to(idempotency_key);
  }
  std::optional<std::string> secret(const std::string& key) override { return journal_.secret(key); }
  void put_snapshot(const storage::StreamName& stream, std::string bytes) override {
    journal_.put_snapshot(stream, std::move(bytes));
  }
  std::optional<std::string> snapshot(const storage::StreamName& stream) override {
    return journal_.snapshot(stream);
  }
  std::optional<storage::JournalError> failure() override { return journal_.failure(); }

 private:
  storage::Journal& journal_;
  std::mutex mutex_;
  std::set<storage::StreamName> broken_;
};

}  // namespace fedlog::actors::testing
