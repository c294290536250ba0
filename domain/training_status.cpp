#include "domain/training_status.h"

#include <unordered_map>

namespace fedlog::domain {
namespace {

// As it was when it failed; else as it is.
Training in_its_phase(const Training& training) {
  auto open = training;
  if (training.state == TrainingState::error) open.phase = training.failed_phase;
  return open;
}

Wait wait_of(const Training& training) {
  switch (training.state) {
    case TrainingState::initial:
      return Wait::start;
    case TrainingState::completed:
      return Wait::nothing;
    case TrainingState::error:
      return training.cancelled ? Wait::nothing : Wait::resume;
    case TrainingState::ongoing:
    case TrainingState::swag_round:
      break;
  }
  if (training.paused) return Wait::resume;
  switch (training.phase) {
    case Phase::updating:
      return Wait::updates;
    case Phase::aggregating:
      return Wait::aggregation;
    case Phase::collecting:
      return Wait::moments;
    case Phase::averaging:
      return Wait::average;
    case Phase::testing:
      return Wait::tests;
    case Phase::idle:
      break;
  }
  return Wait::nothing;
}

std::int64_t arrived_in(const Training& open) {
  switch (open.phase) {
    case Phase::updating:
    case Phase::aggregating:
      return static_cast<std::int64_t>(open.updates.size());
    case Phase::collecting:
    case Phase::averaging:
      return static_cast<std::int64_t>(open.moments.size());
    case Phase::testing:
      return static_cast<std::int64_t>(open.testers.size());
    case Phase::idle:
      break;
  }
  return 0;
}

// How many parts the deadline asks for.
std::int64_t needed_in(const Training& open) {
  if (open.phase == Phase::testing) return 0;
  const bool all = open.options.on_deadline == OnDeadline::error;
  return all ? static_cast<std::int64_t>(open.participants.size()) : open.quorum();
}

AtDeadline at_deadline_of(const Training& open) {
  if (arrived_in(open) >= needed_in(open)) return AtDeadline::goes_on;
  const bool may_wait_again = open.options.on_deadline == OnDeadline::go_on &&
                              open.rounds_without_quorum < open.options.max_rounds_without_quorum;
  return may_wait_again ? AtDeadline::waits_again : AtDeadline::fails;
}

using NewestRequests = std::unordered_map<UserId, const PendingNotification*>;

NewestRequests newest_of(const std::vector<PendingNotification>& pending) {
  NewestRequests newest;
  for (const auto& each : pending) newest[each.notification.receiver] = &each;
  return newest;
}

Awaited awaited_of(UserId participant, const Training& training, const NewestRequests& requests,
                   const IsActive& is_active) {
  Awaited awaited{
      .participant = participant, .last_delivery = {}, .requested = {}, .active = is_active(participant)};
  if (const auto* settled = training.last_delivery_to(participant)) awaited.last_delivery = *settled;
  const auto requested = requests.find(participant);
  if (requested != requests.end()) awaited.requested = *requested->second;
  return awaited;
}

}  // namespace

TrainingStatus status_of(const Training& training, Timestamp now,
                         const std::vector<PendingNotification>& pending, const IsActive& is_active) {
  const auto open = in_its_phase(training);
  TrainingStatus status;
  status.training = training.id;
  status.actor = training.actor;
  status.state = training.state;
  status.phase = open.phase;
  status.round = training.round;
  status.target_num_updates = training.target_num_updates;
  status.paused = training.paused;
  status.cancelled = training.cancelled;
  status.waits_for = wait_of(training);
  if (!training.cancelled) {
    const auto requests = newest_of(pending);
    for (const auto& participant : open.missing()) {
      status.awaited.push_back(awaited_of(participant, training, requests, is_active));
    }
  }
  status.participants = static_cast<std::int64_t>(training.participants.size());
  status.arrived = arrived_in(open);
  status.needed = needed_in(open);
  status.since = training.state == TrainingState::initial ? training.created : training.phase_since;
  status.deadline = training.deadline;
  if (status.deadline) status.at_deadline = at_deadline_of(open);
  status.deadlines_missed = training.rounds_without_quorum;
  status.reason = training.reason;
  status.now = now;
  return status;
}

}  // namespace fedlog::domain
