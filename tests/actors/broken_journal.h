#pragma once

#include <mutex>
#include <set>
#include <stdexcept>
#include <utility>
#include <vector>

#include "storage/journal.h"
#include "tests/actors/watched.h"

namespace fedlog::actors::testing {

// Passes everything on, but what a test has broken: the events of a stream are read with bytes that no event
// has; appends and snapshots wait until the test lets the ones go on and the others fail. Any thread.
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

  void hold_appends() {
    const std::lock_guard lock{mutex_};
    appends_are_held_ = true;
  }
  void wait_for_a_held_append() {
    held_appends_.wait([](const auto& held) { return !held.empty(); });
  }
  void release_appends() {
    {
      const std::lock_guard lock{mutex_};
      appends_are_held_ = false;
    }
    held_appends_.change([&](auto& held) {
      for (auto& [commit, done] : held) journal_.append(std::move(commit), std::move(done));
      held.clear();
    });
  }

  void hold_snapshots() {
    snapshots_.change([](auto& snapshots) { snapshots = Snapshots::held; });
  }
  void wait_for_a_held_snapshot() {
    snapshots_.wait([](auto snapshots) { return snapshots == Snapshots::waiting; });
  }
  void fail_snapshots() {
    snapshots_.change([](auto& snapshots) { snapshots = Snapshots::failing; });
  }

  void append(storage::Commit commit, std::function<void(storage::Committed)> done) override {
    const std::lock_guard lock{mutex_};
    if (!appends_are_held_) return journal_.append(std::move(commit), std::move(done));
    held_appends_.change([&](auto& held) { held.emplace_back(std::move(commit), std::move(done)); });
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
    if (snapshots_.value() == Snapshots::passed_on) return journal_.put_snapshot(stream, std::move(bytes));
    snapshots_.change([](auto& snapshots) {
      if (snapshots == Snapshots::held) snapshots = Snapshots::waiting;
    });
    snapshots_.wait([](auto snapshots) { return snapshots == Snapshots::failing; });
    throw std::runtime_error("planted");
  }
  std::optional<std::string> snapshot(const storage::StreamName& stream) override {
    return journal_.snapshot(stream);
  }
  std::optional<storage::JournalError> failure() override { return journal_.failure(); }

 private:
  enum class Snapshots { passed_on, held, waiting, failing };

  storage::Journal& journal_;
  std::mutex mutex_;
  std::set<storage::StreamName> broken_;
  bool appends_are_held_ = false;
  Watched<std::vector<std::pair<storage::Commit, std::function<void(storage::Committed)>>>> held_appends_;
  Watched<Snapshots> snapshots_;
};

}  // namespace fedlog::actors::testing
