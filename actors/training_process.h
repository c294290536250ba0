#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "actors/reply.h"
#include "domain/training_commands.h"
#include "storage/event_codec.h"
#include "storage/journal.h"

namespace fedlog::actors {

// A command on its way to a training.
struct TrainingMessage {
  domain::TrainingCommand command;
  std::optional<domain::UserId> acting_user;  // none: the server itself
  std::string correlation;
  std::string idempotency_key;
  Reply reply;
};

// The logic of a training's actor without the actor: takes one command at a time, from `decide` over a
// durable append to `evolve`, the reply and the effects. Single-threaded: its owner calls it, and makes the
// calls that the ports ask for.
class TrainingProcess {
 public:
  // When a training's deadline comes. `delay` is of monotonic time, and never more than the whole wait that
  // the deadline stands for: a wall clock that jumped while the training was not loaded costs that at most.
  struct Alarm {
    domain::Timestamp deadline;
    std::chrono::microseconds delay{0};
  };

  struct Ports {
    // Append; its result comes back through committed(), never from inside of this call.
    std::function<void(storage::Commit)> append;
    // Make this aggregation; its result comes back as a RecordAggregation command.
    std::function<void(const domain::Aggregation&)> aggregate;
    // Average these moments; likewise, as a RecordAveraging command.
    std::function<void(const domain::Averaging&)> average;
    // The outbox has new rows.
    std::function<void()> outbox_grew;
    // A fresh id for a command.
    std::function<domain::Uuid()> new_id;
    // What nobody can guess, for each decision anew.
    std::function<domain::Chance()> chance;
    // The time of day.
    std::function<domain::Timestamp()> now;
    // Send an ExpireDeadline command once the alarm's delay has passed, and none for the alarm before; none:
    // there is no deadline any more. One that comes all the same does no harm.
    std::function<void(std::optional<Alarm>)> set_alarm;
  };

  // `training` at `version` of its stream, as loaded by load_training.
  TrainingProcess(domain::Training training, std::uint64_t version, Ports ports);

  // Takes up what is pending: an aggregation or an averaging that was not finished, a deadline.
  void wake();

  void command(TrainingMessage message);

  // The result of the append that is under way. Throws std::logic_error if the log and this process disagree
  // about the stream's version: the state here must not be used any more, and be loaded again from the log.
  void committed(storage::Committed result);

  // Whether nothing is lost when this process ends and is loaded again with the next command.
  [[nodiscard]] bool idle() const { return !in_flight_ && waiting_.empty() && !working_ && !alarm_; }
  [[nodiscard]] const domain::Training& training() const { return training_; }
  [[nodiscard]] std::uint64_t version() const { return version_; }

 private:
  struct InFlight {
    TrainingMessage message;
    domain::TrainingEvents events;
  };

  void take_next();
  void carry_out(TrainingMessage message);
  [[nodiscard]] storage::Commit commit_of(const TrainingMessage& message,
                                          const domain::TrainingEvents& events) const;
  void run_effects(const domain::TrainingEvents& events);
  void ask_for_work();
  void follow_deadline(bool set_just_now);

  domain::Training training_;
  std::uint64_t version_;
  Ports ports_;
  std::deque<TrainingMessage> waiting_;
  std::optional<InFlight> in_flight_;
  bool working_ = false;                    // somebody makes what the training waits for
  std::optional<domain::Timestamp> alarm_;  // the deadline for which an alarm is set
};

// What the API calls the outcome of a failed append.
[[nodiscard]] domain::Rejection rejection_of(const storage::JournalError& error);

}  // namespace fedlog::actors
