#include "domain/training_refusals.h"

#include <utility>

namespace fedlog::domain {
namespace {

// Which updates or moments are taken now, for those who sent others.
std::string what_is_open(const Training& training) {
  const auto round = "round " + std::to_string(training.round);
  switch (training.phase) {
    case Phase::updating:
      return "Now " + round + " is open: the training takes updates for it.";
    case Phase::aggregating:
      return "The updates of " + round + " are being aggregated; the next round opens after its test.";
    case Phase::collecting:
      return "Now the SWAG round of " + round + " is open: the training takes moments for it.";
    case Phase::averaging:
      return "The moments of " + round + " are being averaged; the next round opens after its test.";
    case Phase::testing:
      return "The model of " + round + " is being tested; the next round opens after that.";
    case Phase::idle:
      break;
  }
  if (training.state == TrainingState::initial) return "The training has not been started.";
  if (training.state == TrainingState::completed) return "The training is completed.";
  return training.cancelled ? "The training was cancelled."
                            : "The training has failed; its owner can resume it. " + training.reason;
}

}  // namespace

Rejection rejected(Reason reason, std::string message, std::string field) {
  return {.reason = reason, .message = std::move(message), .field = std::move(field)};
}

Rejection no_permission() {
  return rejected(Reason::permission_denied, "You do not have permission to perform this action.");
}

Rejection too_many_participants() {
  return rejected(Reason::invalid_field,
                  "A training has at most " + std::to_string(participants_max) + " participants.", "clients");
}

Rejection wrong_state(const Training& training) {
  auto rejection = rejected(Reason::wrong_state, "Training with ID " + training.id.text() + " is in state " +
                                                     std::string(name_of(training.state)));
  rejection.hint = what_is_open(training);
  return rejection;
}

Rejection not_a_participant(const Training& training) {
  return rejected(Reason::permission_denied,
                  "You are not a participant of training " + training.id.text() + "!");
}

std::expected<void, Rejection> check_sample_size(std::int64_t size) {
  const auto out_of_range = [](std::string than, std::int64_t limit) {
    return std::unexpected(rejected(
        Reason::invalid_field,
        "Ensure this value is " + std::move(than) + " than or equal to " + std::to_string(limit) + ".",
        "sample_size"));
  };
  if (size < 1) return out_of_range("greater", 1);
  if (size > sample_size_max) return out_of_range("less", sample_size_max);
  return {};
}

Rejection wrong_round(const Training& training, std::int64_t round) {
  auto rejection = rejected(Reason::wrong_round, "Training with ID " + training.id.text() +
                                                     " is not currently in round " + std::to_string(round));
  rejection.hint = what_is_open(training);
  return rejection;
}

Rejection nobody_to_resume_with() {
  auto rejection = rejected(Reason::no_participants, "At least one participant must be registered!");
  rejection.hint = "Add participants first, then resume the training.";
  return rejection;
}

}  // namespace fedlog::domain
