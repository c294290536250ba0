#include "storage/commit_planner.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "storage/described.h"
#include "storage/envelope_codec.h"
#include "storage/idempotency.h"
#include "storage/log_keys.h"
#include "storage/projection.h"
#include "storage/stored_key_ring.h"

namespace fedlog::storage {
namespace {

JournalError refused(JournalErrorCode code, std::string message) {
  return {.code = code, .message = std::move(message), .reply = {}};
}

// Appends to one stream, and goes on where it ended.
class StreamPlan {
 public:
  StreamPlan(const StreamName& stream, Overlay& overlay)
      : stream_(stream), overlay_(overlay), head_(read_stream_head(overlay, stream)) {}

  [[nodiscard]] std::uint64_t version() const { return head_.version; }

  void append(Envelope& envelope) {
    envelope.stream = stream_;
    envelope.version = ++head_.version;
    envelope.previous = head_.hash;
    envelope.hash = head_.hash = hash_of(envelope);
    overlay_.put(Table::log, log_key(envelope.position), encode_envelope(envelope));
    overlay_.put(Table::streams, stream_key(stream_, envelope.version), big_endian(envelope.position));
    overlay_.put(Table::heads, stream_, encode(head_));
  }

 private:
  const StreamName& stream_;
  Overlay& overlay_;
  StreamHead head_;
};

std::optional<JournalError> check_sizes(const Commit& commit) {
  for (const auto& append : commit.appends) {
    for (const auto& event : append.events) {
      if (event.payload.size() <= Journal::payload_max_bytes) continue;
      return refused(JournalErrorCode::event_too_large,
                     "event " + event.type + " for " + append.stream + " has " +
                         std::to_string(event.payload.size()) + " bytes, at most " +
                         std::to_string(Journal::payload_max_bytes) + " are kept");
    }
  }
  return std::nullopt;
}

}  // namespace

Committed CommitPlanner::plan(const Commit& commit, Overlay& group) {
  if (auto error = check_sizes(commit)) return std::unexpected(std::move(*error));
  Overlay overlay(group);
  auto head = head_;
  head.time = std::max(head.time, clock_());

  Idempotency idempotency(overlay, *vault_);
  if (!commit.idempotency_key.empty()) {
    if (auto reply = idempotency.reply_to(commit.idempotency_key, head.time)) {
      return std::unexpected(JournalError{.code = JournalErrorCode::duplicate,
                                          .message = "the idempotency key was used before",
                                          .reply = std::move(*reply)});
    }
    idempotency.remember(commit.idempotency_key, commit.reply, head.time);
  }
  for (const auto& secret : commit.secrets) {
    secret.value ? overlay.put(Table::secrets, secret.key, *secret.value)
                 : overlay.erase(Table::secrets, secret.key);
  }

  std::vector<Envelope> envelopes;
  for (const auto& append : commit.appends) {
    StreamPlan stream(append.stream, overlay);
    if (stream.version() != append.expected_version) {
      return std::unexpected(refused(JournalErrorCode::version_mismatch,
                                     append.stream + " is at version " + std::to_string(stream.version()) +
                                         ", not " + std::to_string(append.expected_version)));
    }
    for (const auto& event : append.events) {
      Envelope envelope;
      envelope.position = ++head.position;
      envelope.id = head.id = next_event_id(head.time, head.id);
      envelope.type = event.type;
      envelope.revision = event.revision;
      envelope.time = head.time;
      envelope.acting_user = commit.acting_user;
      envelope.command = commit.command;
      envelope.correlation = commit.correlation;
      envelope.payload = event.payload;
      stream.append(envelope);
      head.hash = envelope.hash;
      envelopes.push_back(std::move(envelope));
    }
  }

  const StoredKeyRing keys(overlay, *vault_);
  const EventCodec codec(keys);
  ViewWriter views(overlay);
  try {
    for (const auto& envelope : envelopes) project(envelope, codec, views);
  } catch (const std::exception& error) {
    return std::unexpected(refused(JournalErrorCode::invalid_event, error.what()));
  }
  group.put_all(overlay.take());
  head_ = head;
  return envelopes;
}

}  // namespace fedlog::storage
