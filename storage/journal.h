#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "domain/identifiers.h"
#include "storage/envelope.h"

namespace fedlog::storage {

// An event that is not stored yet.
struct NewEvent {
  std::string type;
  int revision = 1;
  std::string payload;  // deterministic CBOR
};

// Events to append to one stream, which must be at `expected_version` (0: it does not exist yet).
struct Append {
  StreamName stream;
  std::uint64_t expected_version = 0;
  std::vector<NewEvent> events;
};

// A secret to keep beside the log (a password hash, a token, a wrapped key); nothing erases it. Never
// exported.
struct SecretChange {
  std::string key;
  std::optional<std::string> value;
};

// What one command changes: all of it becomes durable at once, or nothing.
struct Commit {
  std::vector<Append> appends;
  std::vector<SecretChange> secrets;
  std::optional<domain::UserId> acting_user;
  domain::Uuid command;
  std::string correlation;
  std::string idempotency_key;  // empty: none; else a second commit with it within 24 hours is a duplicate
  std::string reply;            // kept with the idempotency key, returned with the duplicate
};

enum class JournalErrorCode {
  version_mismatch,  // a stream is not at the expected version; nothing was written
  duplicate,         // the idempotency key was used before; `reply` is what was kept with it
  event_too_large,   // a payload over 64 KiB
  invalid_event,     // an event that cannot be decoded or does not fit what was before; nothing was written
  disk_full,         // nothing can be written any more until the server is restarted with room
  failed,            // writing failed; the journal refuses everything from here on
  closed,
};

struct JournalError {
  JournalErrorCode code = JournalErrorCode::failed;
  std::string message;
  std::string reply = {};
};

using Committed = std::expected<std::vector<Envelope>, JournalError>;

// The event log; FORMAT.md says how it is stored. Any thread may call it. One writer thread gives positions,
// times, ids and hashes, and makes commits durable in groups; `append` returns at once and `done` is called
// (on the writer's thread; it must not block) after the commit is synced and can be read, or after it failed.
// Commits take effect in the order of the calls. All envelopes of one commit have the same time. Reads throw
// std::runtime_error where stored bytes are damaged.
class Journal {
 public:
  static constexpr std::size_t payload_max_bytes = 64 * 1024;

  virtual ~Journal() = default;
  virtual void append(Commit commit, std::function<void(Committed)> done) = 0;

  // Waits for append. For callers outside of actors.
  [[nodiscard]] Committed append_and_wait(Commit commit);

  // The stream's envelopes from `from_version` (at least 1) on, in order; empty where there are none.
  [[nodiscard]] virtual std::vector<Envelope> read_stream(const StreamName& stream,
                                                          std::uint64_t from_version = 1) = 0;

  // At most `limit` envelopes of all streams from `from_position` (at least 1) on.
  [[nodiscard]] virtual std::vector<Envelope> read_all(std::uint64_t from_position, std::size_t limit) = 0;

  [[nodiscard]] virtual std::uint64_t version_of(const StreamName& stream) = 0;  // 0: there is no such stream
  [[nodiscard]] virtual std::uint64_t last_position() = 0;

  // What was kept with an idempotency key that was used within 24 hours. None: the key is free, or its commit
  // is under way.
  [[nodiscard]] virtual std::optional<std::string> reply_to(const std::string& idempotency_key) = 0;

  [[nodiscard]] virtual std::optional<std::string> secret(const std::string& key) = 0;

  // Snapshots are disposable: one slot a stream, overwritten, never needed.
  virtual void put_snapshot(const StreamName& stream, std::string bytes) = 0;
  [[nodiscard]] virtual std::optional<std::string> snapshot(const StreamName& stream) = 0;

  // Empty while the journal accepts commits, else why it does not.
  [[nodiscard]] virtual std::optional<JournalError> failure() = 0;
};

}  // namespace fedlog::storage
