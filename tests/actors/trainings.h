#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/training_process.h"
#include "tests/storage/examples.h"

// A training for tests: user 1 made it with model 1, users 2 and 3 take part.
namespace fedlog::actors::testing {

using storage::testing::blob_id;
using storage::testing::id;
using storage::testing::model_id;
using storage::testing::training_id;
using storage::testing::user_id;

inline domain::Caller by(std::uint8_t user) {
  return {.id = user_id(user), .superuser = false};
}

inline domain::TrainingCreated facts() {
  return storage::testing::created(1, 1, user_id(1), {user_id(2), user_id(3)});
}

inline domain::SubmitUpdate update_of(std::uint8_t user, std::int64_t round = 0) {
  return {.by = by(user),
          .local_model = model_id(static_cast<std::uint8_t>(100 + user)),
          .round = round,
          .sample_size = 10,
          .weights = blob_id(user),
          .metrics = {}};
}

// What a command was answered; none: nothing yet.
using Answer = std::optional<Result<std::string>>;

inline TrainingMessage message(domain::TrainingCommand command, Answer& answer) {
  return {.command = std::move(command),
          .acting_user = user_id(1),
          .correlation = "request-1",
          .idempotency_key = {},
          .reply = Reply{[&answer](Result<std::string> result) { answer = std::move(result); }}};
}

inline TrainingMessage message(domain::TrainingCommand command) {
  return {.command = std::move(command),
          .acting_user = {},
          .correlation = {},
          .idempotency_key = {},
          .reply = {}};
}

// The ports of a process, remembering what was asked of them.
struct RecordedPorts {
  std::vector<storage::Commit> appends;
  std::vector<domain::Aggregation> aggregations;
  std::vector<domain::Averaging> averagings;
  std::vector<std::optional<TrainingProcess::Alarm>> alarms;
  std::uint64_t decisions = 0;
  domain::Timestamp time{1'000'000'000};
  int outbox_growths = 0;

  TrainingProcess::Ports ports() {
    return {.append = [this](storage::Commit commit) { appends.push_back(std::move(commit)); },
            .aggregate = [this](const domain::Aggregation& asked) { aggregations.push_back(asked); },
            .average = [this](const domain::Averaging& asked) { averagings.push_back(asked); },
            .outbox_grew = [this] { ++outbox_growths; },
            .new_id = [] { return domain::Uuid{{7}}; },
            .chance = [this] { return domain::Chance{++decisions}; },
            .now = [this] { return time; },
            .set_alarm = [this](const auto& alarm) { alarms.push_back(alarm); }};
  }
};

// What the journal says of a commit that it made durable at `time`.
inline storage::Committed durable(const storage::Commit& commit, domain::Timestamp time = {}) {
  std::vector<storage::Envelope> envelopes;
  for (const auto& append : commit.appends) {
    for (const auto& event : append.events) {
      storage::Envelope envelope;
      envelope.stream = append.stream;
      envelope.type = event.type;
      envelope.time = time;
      envelopes.push_back(std::move(envelope));
    }
  }
  return envelopes;
}

inline storage::Committed failed(storage::JournalErrorCode code, std::string reply = {}) {
  return std::unexpected(
      storage::JournalError{.code = code, .message = "planted", .reply = std::move(reply)});
}

inline std::vector<std::string> types_of(const storage::Append& append) {
  std::vector<std::string> types;
  for (const auto& event : append.events) types.push_back(event.type);
  return types;
}

}  // namespace fedlog::actors::testing
