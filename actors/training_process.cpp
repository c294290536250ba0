#include "actors/training_process.h"

#include <algorithm>
#include <stdexcept>

namespace fedlog::actors {
namespace {

// What deleting the training means for its model's own stream.
domain::ModelEvent model_event_of(const domain::Training& training, const domain::DeleteTraining& command) {
  if (command.model_owner) return domain::ModelDeleted{};
  return domain::ModelLeftTraining{.round = training.round,
                                   .weights = training.weights,
                                   .preprocessing = training.preprocessing,
                                   .swag_first_moment = training.swag_first_moment,
                                   .swag_second_moment = training.swag_second_moment};
}

template <class Event>
bool hold(const domain::TrainingEvents& events) {
  return std::ranges::any_of(events, [](const auto& event) { return std::holds_alternative<Event>(event); });
}

// The id that the command's sender is told, where it made something.
std::string answer_to(const domain::TrainingCommand& command) {
  const auto* update = std::get_if<domain::SubmitUpdate>(&command);
  return update != nullptr ? update->local_model.text() : std::string{};
}

}  // namespace

domain::Rejection rejection_of(const storage::JournalError& error) {
  using enum storage::JournalErrorCode;
  switch (error.code) {
    case version_mismatch:
      return {domain::Reason::busy, "Somebody else changed this at the same moment; try again."};
    case event_too_large:
      return {domain::Reason::invalid_request, "This is too much for one event (64 KiB): " + error.message};
    case disk_full:
      return {domain::Reason::storage_full,
              "The server's disk is full; nothing was changed. Reading goes on."};
    case invalid_event:
      return {domain::Reason::internal, error.message};
    case duplicate:
    case failed:
    case closed:
      break;
  }
  return {domain::Reason::busy,
          "The server cannot write its event log now; nothing was changed: " + error.message};
}

TrainingProcess::TrainingProcess(domain::Training training, std::uint64_t version, Ports ports)
    : training_(std::move(training)), version_(version), ports_(std::move(ports)) {}

void TrainingProcess::wake() {
  ask_for_work();
  follow_deadline(false);
}

void TrainingProcess::ask_for_work() {
  if (working_) return;
  if (const auto aggregation = domain::pending_aggregation(training_)) {
    working_ = true;
    ports_.aggregate(*aggregation);
  } else if (const auto averaging = domain::pending_averaging(training_)) {
    working_ = true;
    ports_.average(*averaging);
  }
}

// One that was set just now lies its whole length ahead, even if the clock on the wall jumped since it was
// decided on. Of one that was loaded, that clock alone knows how much is left.
void TrainingProcess::follow_deadline(bool set_just_now) {
  const auto deadline = training_.deleted ? std::nullopt : training_.deadline;
  if (deadline == alarm_) return;
  alarm_ = deadline;
  if (!deadline) return ports_.set_alarm(std::nullopt);
  const std::chrono::microseconds whole = std::chrono::seconds{training_.deadline_s()};
  if (set_just_now) return ports_.set_alarm(Alarm{*deadline, whole});
  const std::chrono::microseconds left{deadline->microseconds - ports_.now().microseconds};
  ports_.set_alarm(Alarm{*deadline, std::clamp(left, std::chrono::microseconds{0}, whole)});
}

void TrainingProcess::command(TrainingMessage message) {
  waiting_.push_back(std::move(message));
  take_next();
}

void TrainingProcess::take_next() {
  while (!in_flight_ && !waiting_.empty()) {
    auto message = std::move(waiting_.front());
    waiting_.pop_front();
    carry_out(std::move(message));
  }
}

void TrainingProcess::carry_out(TrainingMessage message) {
  if (std::holds_alternative<domain::RecordAggregation>(message.command) ||
      std::holds_alternative<domain::RecordAveraging>(message.command)) {
    working_ = false;
  }
  const auto* expired = std::get_if<domain::ExpireDeadline>(&message.command);
  if (expired != nullptr && expired->deadline == alarm_) alarm_.reset();
  auto events = domain::decide(training_, message.command, {ports_.chance(), ports_.now()});
  if (!events) return message.reply(std::unexpected(std::move(events.error())));
  // With an idempotency key, that nothing was left to do is an answer to keep, too.
  if (events->empty() && message.idempotency_key.empty()) return message.reply(answer_to(message.command));
  auto commit = commit_of(message, *events);
  in_flight_ = InFlight{std::move(message), std::move(*events)};
  ports_.append(std::move(commit));
}

storage::Commit TrainingProcess::commit_of(const TrainingMessage& message,
                                           const domain::TrainingEvents& events) const {
  storage::Commit commit{.appends = {},
                         .secrets = {},
                         .acting_user = message.acting_user,
                         .command = ports_.new_id(),
                         .correlation = message.correlation,
                         .idempotency_key = message.idempotency_key,
                         .reply = answer_to(message.command)};
  storage::Append append{
      .stream = storage::stream_of(training_.id), .expected_version = version_, .events = {}};
  for (const auto& event : events) append.events.push_back(storage::EventCodec::encode(event));
  commit.appends.push_back(std::move(append));
  if (const auto* deletion = std::get_if<domain::DeleteTraining>(&message.command)) {
    commit.appends.push_back({.stream = storage::stream_of(training_.model),
                              .expected_version = training_.model_version,
                              .events = {storage::EventCodec::encode(model_event_of(training_, *deletion))}});
  }
  return commit;
}

void TrainingProcess::committed(storage::Committed result) {
  auto [message, events] = std::move(*in_flight_);
  in_flight_.reset();
  if (result) {
    // The training's own envelopes come first, in the order of `events`.
    for (std::size_t index = 0; index < events.size(); ++index) {
      domain::evolve(training_, events[index], (*result)[index].time);
    }
    version_ += events.size();
    message.reply(answer_to(message.command));
    run_effects(events);
  } else if (result.error().code == storage::JournalErrorCode::duplicate) {
    message.reply(result.error().reply);
  } else if (result.error().code == storage::JournalErrorCode::version_mismatch) {
    throw std::logic_error("training " + training_.id.text() +
                           " and its log disagree: " + result.error().message);
  } else {
    message.reply(std::unexpected(rejection_of(result.error())));
  }
  take_next();
}

void TrainingProcess::run_effects(const domain::TrainingEvents& events) {
  ask_for_work();
  if (hold<domain::DeadlineSet>(events)) alarm_.reset();  // a new one, even of the same time as the last
  follow_deadline(true);
  if (hold<domain::NotificationRequested>(events)) ports_.outbox_grew();
}

}  // namespace fedlog::actors
