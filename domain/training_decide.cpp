#include <algorithm>
#include <utility>

#include "domain/training_course.h"

namespace fedlog::domain {
namespace {

// RoundClosed, ModelsPassedOn and SwagRoundClosed name something of every participant in one event, which
// holds 64 KiB.
constexpr std::size_t participants_max = 2000;

// So that counting on never overflows, and clients' numbers hold every round.
constexpr std::int64_t first_round_max = std::int64_t{1} << 52;

Rejection rejected(Reason reason, std::string message, std::string field = {}) {
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
  return rejected(Reason::wrong_state, "Training with ID " + training.id.text() + " is in state " +
                                           std::string(name_of(training.state)));
}

Rejection no_samples() {
  return rejected(Reason::invalid_field, "Ensure this value is greater than or equal to 1.", "sample_size");
}

bool has_ended(const Training& training) {
  return training.state == TrainingState::completed || training.state == TrainingState::error;
}

using Decision = std::expected<TrainingEvents, Rejection>;

// Whether `by` may send what the training waits for in `state` and `phase`.
std::expected<void, Rejection> check_may_send(const Training& training, const Caller& by, TrainingState state,
                                              Phase phase, std::int64_t round) {
  if (!may_send_updates(by, training)) {
    return std::unexpected(rejected(Reason::permission_denied,
                                    "You are not a participant of training " + training.id.text() + "!"));
  }
  if (training.state != state) return std::unexpected(wrong_state(training));
  if (training.phase != phase || round != training.round) {
    return std::unexpected(rejected(
        Reason::wrong_round,
        "Training with ID " + training.id.text() + " is not currently in round " + std::to_string(round)));
  }
  return {};
}

// Whether the training still waits for what this notification asked its receiver to do.
bool is_awaited(const Training& training, const Notification& notification) {
  if (notification.round != training.round || !training.has_participant(notification.receiver)) return false;
  return (notification.kind == NotificationKind::update_round_start && training.phase == Phase::updating) ||
         (notification.kind == NotificationKind::swag_round_start && training.phase == Phase::collecting) ||
         (notification.kind == NotificationKind::model_test_round && training.phase == Phase::testing);
}

bool has_done_its_part(const Training& training, UserId participant) {
  if (training.phase == Phase::updating) return training.update_of(participant) != nullptr;
  if (training.phase == Phase::collecting) return training.moments_of(participant) != nullptr;
  return std::ranges::find(training.testers, participant) != training.testers.end();
}

std::string why_removed(const RecordDelivery& delivery) {
  const std::string what{name_of(delivery.notification.kind)};
  if (delivery.outcome == DeliveryOutcome::refused) {
    return "refused " + what + " with status " + std::to_string(delivery.status);
  }
  return "could not be reached with " + what + ": " + delivery.detail;
}

struct Decide {
  const Training& training;
  Chance chance;

  Decision operator()(const CreateTraining& c) const {
    if (c.facts.participants.size() > participants_max) return std::unexpected(too_many_participants());
    return TrainingEvents{c.facts};
  }

  Decision operator()(const StartTraining& c) const {
    if (!may_manage(c.by, training)) return std::unexpected(no_permission());
    if (training.state != TrainingState::initial) {
      return std::unexpected(
          rejected(Reason::already_started, "Training " + training.id.text() + " is not in state INITIAL!"));
    }
    if (training.participants.empty()) {
      return std::unexpected(
          rejected(Reason::no_participants, "At least one participant must be registered!"));
    }
    if (!training.weights) {
      return std::unexpected(
          rejected(Reason::no_file,
                   "A mean model has no weights of its own to train; start a training with "
                   "one of its members instead."));
    }
    if (training.round > first_round_max) {
      return std::unexpected(
          rejected(Reason::invalid_request, "The model is in round " + std::to_string(training.round) +
                                                "; a training can go on from round " +
                                                std::to_string(first_round_max) + " at most."));
    }
    TrainingCourse course{training, chance};
    course.start();
    return course.take();
  }

  Decision operator()(const AddParticipants& c) const {
    if (!may_manage(c.by, training)) return std::unexpected(no_permission());
    if (has_ended(training)) return std::unexpected(wrong_state(training));
    TrainingCourse course{training, chance};
    for (const auto& user : c.users) {
      if (!course.training().has_participant(user)) course.join(user);
    }
    if (course.training().participants.size() > participants_max) {
      return std::unexpected(too_many_participants());
    }
    return course.take();
  }

  Decision operator()(const RemoveParticipants& c) const {
    if (!may_manage(c.by, training)) return std::unexpected(no_permission());
    TrainingCourse course{training, chance};
    for (const auto& user : c.users) {
      if (course.training().has_participant(user)) course.remove(user, "removed by the training's owner");
    }
    course.advance();
    return course.take();
  }

  Decision operator()(const SubmitUpdate& c) const {
    if (auto allowed = check_may_update(training, c.by, training.model, c.round); !allowed) {
      return std::unexpected(std::move(allowed.error()));
    }
    if (c.sample_size <= 0) return std::unexpected(no_samples());
    const auto* before = training.update_of(c.by.id);
    if (before != nullptr && before->weights == c.weights && before->sample_size == c.sample_size &&
        c.metrics.empty()) {
      return TrainingEvents{};  // the same again: a client that did not see its answer
    }
    TrainingCourse course{training, chance};
    course.emit(UpdateAccepted{.participant = c.by.id,
                               .model = c.local_model,
                               .round = c.round,
                               .weights = c.weights,
                               .sample_size = c.sample_size,
                               .metrics = c.metrics});
    course.advance();
    return course.take();
  }

  Decision operator()(const SubmitMoments& c) const {
    if (auto allowed = check_may_send_moments(training, c.by, c.round); !allowed) {
      return std::unexpected(std::move(allowed.error()));
    }
    if (c.sample_size <= 0) return std::unexpected(no_samples());
    for (const auto& other : training.moments) {
      if (other.participant != c.by.id && other.form != c.form) {
        return std::unexpected(rejected(
            Reason::invalid_file,
            "Invalid moments: they are " + c.form + ", those of other participants are " + other.form + "."));
      }
    }
    const Moments sent{.participant = c.by.id,
                       .first_moment = c.first_moment,
                       .second_moment = c.second_moment,
                       .form = c.form,
                       .sample_size = c.sample_size};
    const auto* before = training.moments_of(c.by.id);
    if (before != nullptr && *before == sent) return TrainingEvents{};  // as with an update
    TrainingCourse course{training, chance};
    course.emit(MomentsAccepted{.participant = c.by.id,
                                .round = c.round,
                                .first_moment = c.first_moment,
                                .second_moment = c.second_moment,
                                .form = c.form,
                                .sample_size = c.sample_size});
    course.advance();
    return course.take();
  }

  Decision operator()(const ReportMetrics& c) const {
    const bool local = training.update_by_model(c.model) != nullptr;
    const bool passed_on = training.is_passed_on(c.model);
    if (c.model != training.model && !local && !passed_on) {
      return std::unexpected(rejected(Reason::model_not_found, "Model " + c.model.text() + " not found."));
    }
    TrainingCourse course{training, chance};
    course.emit(MetricsReported{.reporter = c.by.id,
                                .model = c.model,
                                .step = passed_on ? training.round - 1 : training.round,
                                .metrics = c.metrics});
    course.advance();
    return course.take();
  }

  Decision operator()(const ReplacePreprocessing& c) const {
    return TrainingEvents{PreprocessingReplaced{c.preprocessing}};
  }

  Decision operator()(const RecordAggregation& c) const {
    if (training.phase != Phase::aggregating || training.round != c.round)
      return TrainingEvents{};  // came too late
    TrainingCourse course{training, chance};
    if (c.weights) {
      course.record_weights(*c.weights);
    } else {
      course.emit(TrainingFailed{"Round " + std::to_string(c.round) +
                                 " could not be aggregated: " + c.weights.error()});
    }
    return course.take();
  }

  Decision operator()(const RecordAveraging& c) const {
    if (training.phase != Phase::averaging || training.round != c.round)
      return TrainingEvents{};  // came too late
    TrainingCourse course{training, chance};
    if (c.moments) {
      course.record_moments(*c.moments);
    } else {
      course.emit(TrainingFailed{"The moments of round " + std::to_string(c.round) +
                                 " could not be averaged: " + c.moments.error()});
    }
    return course.take();
  }

  Decision operator()(const RecordDelivery& c) const {
    TrainingCourse course{training, chance};
    course.emit(NotificationSettled{.notification = c.id,
                                    .receiver = c.notification.receiver,
                                    .outcome = c.outcome,
                                    .status = c.status,
                                    .attempts = c.attempts,
                                    .detail = c.detail});
    const auto receiver = c.notification.receiver;
    if (!is_awaited(training, c.notification)) return course.take();
    const bool refused = c.outcome == DeliveryOutcome::refused;
    const bool unreachable =
        c.outcome == DeliveryOutcome::unreachable && !has_done_its_part(training, receiver);
    if (unreachable && c.on_unreachable == OnUnreachable::error) {
      course.emit(TrainingFailed{"Participant " + receiver.text() + " " + why_removed(c) + "."});
    } else if (refused || unreachable) {
      course.remove(receiver, why_removed(c));
      course.advance();
    }
    return course.take();
  }

  Decision operator()(const DeleteTraining& c) const {
    const bool owns_model = c.model_owner && *c.model_owner == c.by.id;
    if (!may_manage(c.by, training) && !owns_model) {
      return std::unexpected(rejected(Reason::permission_denied,
                                      c.model_owner
                                          ? "You are neither the owner of the model nor the actor of the "
                                            "corresponding training."
                                          : "You are not the owner the training."));
    }
    return TrainingEvents{TrainingDeleted{}};
  }
};

}  // namespace

std::expected<void, Rejection> check_may_update(const Training& training, const Caller& by, ModelId model,
                                                std::int64_t round) {
  if (model != training.model && model != training.model_for(by.id)) {
    return std::unexpected(
        rejected(Reason::no_training_for_model,
                 "Model with ID " + model.text() + " does not have a training process running"));
  }
  return check_may_send(training, by, TrainingState::ongoing, Phase::updating, round);
}

std::expected<void, Rejection> check_may_send_moments(const Training& training, const Caller& by,
                                                      std::int64_t round) {
  return check_may_send(training, by, TrainingState::swag_round, Phase::collecting, round);
}

Decision decide(const Training& training, const TrainingCommand& command, Chance chance) {
  const bool exists = training.id != TrainingId{} && !training.deleted;
  if (const auto* create = std::get_if<CreateTraining>(&command)) {
    if (training.id != TrainingId{}) {
      return std::unexpected(
          rejected(Reason::internal, "Training " + training.id.text() + " exists already."));
    }
    return Decide{training, chance}(*create);
  }
  if (!exists) {
    return std::unexpected(
        rejected(Reason::training_not_found, "Training " + training.id.text() + " not found."));
  }
  return std::visit(Decide{training, chance}, command);
}

}  // namespace fedlog::domain
