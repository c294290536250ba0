#include <algorithm>

#include "domain/training_status.h"

namespace fedlog::domain {
namespace {

constexpr std::size_t names_max = 10;  // in one sentence

std::string plural(std::int64_t count, const std::string& thing) {
  return std::to_string(count) + " " + thing + (count == 1 ? "" : "s");
}

// "2026-01-31T08:15:00Z": nobody reads microseconds.
std::string time_text(Timestamp at) {
  constexpr std::size_t until_seconds = 19;
  return at.text().substr(0, until_seconds) + "Z";
}

// "12 s", "3 min", "2 h 5 min", "4 days 1 h".
std::string span_text(std::int64_t microseconds) {
  const auto seconds = std::max<std::int64_t>(microseconds, 0) / 1'000'000;
  const auto two = [](std::int64_t large, const char* unit, std::int64_t small, const char* small_unit) {
    auto text = std::to_string(large) + unit;
    return small == 0 ? text : text + " " + std::to_string(small) + small_unit;
  };
  if (seconds < 60) return std::to_string(seconds) + " s";
  if (seconds < 3600) return std::to_string(seconds / 60) + " min";
  if (seconds < 86'400) return two(seconds / 3600, " h", seconds % 3600 / 60, " min");
  return two(seconds / 86'400, seconds < 2 * 86'400 ? " day" : " days", seconds % 86'400 / 3600, " h");
}

std::string since_text(const TrainingStatus& status) {
  const auto waited = status.now.microseconds - status.since.microseconds;
  return " since " + time_text(status.since) + " (" + span_text(waited) + ")";
}

std::string names_of(const TrainingStatus& status, const NameOf& name_of_user) {
  std::string text;
  for (std::size_t index = 0; index < std::min(status.awaited.size(), names_max); ++index) {
    text += (index == 0 ? "" : ", ") + name_of_user(status.awaited[index].participant);
  }
  if (status.awaited.size() > names_max) {
    text += " and " + std::to_string(status.awaited.size() - names_max) + " more";
  }
  return text;
}

// What participants send in the phase.
std::string part_name(Phase phase) {
  if (phase == Phase::testing) return "test";
  return phase == Phase::collecting || phase == Phase::averaging ? "moment" : "update";
}

std::string deadline_text(const TrainingStatus& status) {
  const auto part = part_name(status.phase);
  if (!status.deadline) {
    return "There is no deadline: it waits until they are there, or whoever is missing leaves or is removed.";
  }
  const auto left = status.deadline->microseconds - status.now.microseconds;
  auto text = "At " + time_text(*status.deadline) + (left > 0 ? " (in " + span_text(left) + ")" : " (now)");
  const auto enough = status.needed == status.participants
                          ? "all " + part + "s"
                          : "the " + part + "s of " + std::to_string(status.needed) + " of " +
                                plural(status.participants, "participant");
  switch (*status.at_deadline) {
    case AtDeadline::goes_on:
      return text + " it goes on with what is there then; who is missing stays a participant.";
    case AtDeadline::waits_again:
      return text + ", unless " + enough +
             " are there, it notifies who is missing again and waits once more.";
    case AtDeadline::fails:
      break;
  }
  return text + ", unless " + enough + " are there, it ends in an error.";
}

std::string round_text(const TrainingStatus& status) {
  return "round " + std::to_string(status.round) + " of " + std::to_string(status.target_num_updates);
}

std::string waiting_text(const TrainingStatus& status, const NameOf& name_of_user) {
  return "In " + round_text(status) + " it waits" + since_text(status) + " for the " +
         part_name(status.phase) + "s of " + std::to_string(status.awaited.size()) + " of " +
         plural(status.participants, "participant") + ": " + names_of(status, name_of_user) + ". " +
         deadline_text(status);
}

std::string resume_text(const TrainingStatus& status, const NameOf& name_of_user) {
  if (status.state == TrainingState::error) {
    return "It ended in an error at " + time_text(status.since) + ": " + status.reason;
  }
  auto text = "It is paused in " + round_text(status) + ", and goes on when its owner, " +
              name_of_user(status.actor) + ", resumes it.";
  if (status.awaited.empty()) return text;
  return text + " Meanwhile it takes the " + part_name(status.phase) + "s that are missing, of " +
         names_of(status, name_of_user) + ". No deadline runs.";
}

std::string delivery_text(const Delivery& delivery) {
  auto text = std::string{name_of(delivery.kind)};
  if (delivery.round) text += " of round " + std::to_string(*delivery.round);
  switch (delivery.outcome) {
    case DeliveryOutcome::delivered:
      text += " was delivered";
      break;
    case DeliveryOutcome::refused:
      text += " was refused";
      break;
    case DeliveryOutcome::unreachable:
      text += " could not be delivered";
      break;
    case DeliveryOutcome::dropped:
      text += " was not sent";
      break;
  }
  text += " at " + time_text(delivery.at);
  if (delivery.status != 0) text += " with status " + std::to_string(delivery.status);
  if (delivery.attempts > 1) text += " after " + plural(delivery.attempts, "attempt");
  if (delivery.outcome != DeliveryOutcome::delivered && !delivery.detail.empty())
    text += ": " + delivery.detail;
  return text;
}

}  // namespace

std::string summary_of(const TrainingStatus& status, const NameOf& name_of_user) {
  switch (status.waits_for) {
    case Wait::start:
      return "It waits" + since_text(status) + " for its owner, " + name_of_user(status.actor) +
             ", to start it" + (status.participants == 0 ? "; nobody takes part yet." : ".");
    case Wait::updates:
    case Wait::moments:
    case Wait::tests:
      return waiting_text(status, name_of_user);
    case Wait::aggregation:
      return "The server aggregates " + plural(status.arrived, "update") + " of " + round_text(status) +
             since_text(status) + ".";
    case Wait::average:
      return "The server averages the moments of " + plural(status.arrived, "participant") + " in " +
             round_text(status) + since_text(status) + ".";
    case Wait::resume:
      return resume_text(status, name_of_user);
    case Wait::nothing:
      break;
  }
  if (status.cancelled) return "It ended at " + time_text(status.since) + ": " + status.reason;
  return "It was completed at " + time_text(status.since) + ", after round " + std::to_string(status.round) +
         " of " + std::to_string(status.target_num_updates) + ".";
}

std::string sentence_about(const Awaited& awaited, const TrainingStatus& status, const NameOf& name_of_user) {
  auto text = name_of_user(awaited.participant) + ": ";
  if (!awaited.active) text += "its account is deactivated, so it can send nothing. ";
  if (!awaited.last_delivery && !awaited.requested) return text + "nothing was sent to it yet.";
  if (awaited.last_delivery) text += delivery_text(*awaited.last_delivery) + ".";
  if (awaited.requested) {
    const auto& [notification, requested, progress] = *awaited.requested;
    text += awaited.last_delivery ? " " : "";
    text += std::string{name_of(notification.kind)};
    if (notification.round) text += " of round " + std::to_string(*notification.round);
    text += " is on its way since " + time_text(requested) + " (" +
            span_text(status.now.microseconds - requested.microseconds) + ")";
    text += (progress.empty() ? "" : ": " + progress) + ".";
  }
  return text;
}

std::string advice_for(const TrainingStatus& status) {
  if (status.state == TrainingState::initial && status.participants == 0) {
    return "Add participants, then start it.";
  }
  if (status.waits_for == Wait::nothing) {
    return status.cancelled ? "A cancelled training stays ended. Its model can be trained in a new one." : "";
  }
  if (!std::ranges::all_of(status.awaited, &Awaited::active)) {
    return "Remove the participants whose accounts are deactivated, or have the accounts activated.";
  }
  if (status.waits_for != Wait::resume) return {};
  if (status.participants == 0) return "Add participants, then resume it.";
  if (status.paused) return "Resume it.";
  if (is_servers_work(status.phase)) {
    return "What participants sent is kept. See to what the reason names, then resume it: the server tries "
           "again with the same files, once nobody is missing.";
  }
  return "What participants sent is kept. Resume it to wait for those who are missing, after removing who "
         "will not answer or adding others.";
}

}  // namespace fedlog::domain
