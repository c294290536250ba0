#include <iterator>
#include <utility>

#include "domain/training_course.h"
#include "domain/training_refusals.h"

namespace fedlog::domain {
namespace {

// So that counting on never overflows, and clients' numbers hold every round.
constexpr std::int64_t first_round_max = std::int64_t{1} << 52;

using Decision = std::expected<TrainingEvents, Rejection>;

// Whether `by` may send what `phase` is about, for `round`.
std::expected<void, Rejection> check_may_send(const Training& training, const Caller& by, Phase phase,
                                              std::int64_t round) {
  if (!may_send_updates(by, training)) return std::unexpected(not_a_participant(training));
  const bool moments = phase == Phase::collecting || phase == Phase::averaging;
  const auto state = moments ? TrainingState::swag_round : TrainingState::ongoing;
  if (training.state != state) return std::unexpected(wrong_state(training));
  if (training.phase != phase || round != training.round) {
    return std::unexpected(wrong_round(training, round));
  }
  return {};
}

// Whether the training still waits for what this notification asked its receiver to do. A paused one does
// not, and asks again when it is resumed.
bool is_awaited(const Training& training, const Notification& notification) {
  if (training.paused) return false;
  if (notification.round != training.round || !training.has_participant(notification.receiver)) return false;
  return (notification.kind == NotificationKind::update_round_start && training.phase == Phase::updating) ||
         (notification.kind == NotificationKind::swag_round_start && training.phase == Phase::collecting) ||
         (notification.kind == NotificationKind::model_test_round && training.phase == Phase::testing);
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
  const Circumstances& circumstances;

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
    TrainingCourse course{training, circumstances};
    course.start();
    return course.take();
  }

  Decision operator()(const AddParticipants& c) const {
    if (!may_manage(c.by, training)) return std::unexpected(no_permission());
    if (training.state == TrainingState::completed || training.cancelled) {
      return std::unexpected(wrong_state(training));
    }
    TrainingCourse course{training, circumstances};
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
    TrainingCourse course{training, circumstances};
    for (const auto& user : c.users) {
      if (course.training().has_participant(user)) course.remove(user, "removed by the training's owner");
    }
    course.advance();
    return course.take();
  }

  Decision operator()(const JoinTraining& c) const {
    if (training.has_participant(c.by.id)) return TrainingEvents{};
    if (!may_join(c.by, training)) {
      return std::unexpected(rejected(Reason::permission_denied,
                                      "This training is not open to join; ask its owner to add you."));
    }
    if (has_ended(training.state)) return std::unexpected(wrong_state(training));
    if (training.participants.size() >= participants_max) return std::unexpected(too_many_participants());
    TrainingCourse course{training, circumstances};
    course.join(c.by.id);
    return course.take();
  }

  Decision operator()(const LeaveTraining& c) const {
    if (!training.has_participant(c.by.id)) return std::unexpected(not_a_participant(training));
    TrainingCourse course{training, circumstances};
    course.leave(c.by.id);
    course.advance();
    return course.take();
  }

  Decision operator()(const CancelTraining& c) const {
    if (!may_control(c.by, training)) return std::unexpected(no_permission());
    if (has_ended(training.state)) return std::unexpected(wrong_state(training));
    TrainingCourse course{training, circumstances};
    course.cancel(may_manage(c.by, training) ? "Cancelled by its owner." : "Cancelled by a superuser.");
    return course.take();
  }

  Decision operator()(const PauseTraining& c) const {
    if (!may_control(c.by, training)) return std::unexpected(no_permission());
    if (!is_running(training.state)) return std::unexpected(wrong_state(training));
    if (training.paused) return TrainingEvents{};
    return TrainingEvents{TrainingPaused{}};
  }

  Decision operator()(const ResumeTraining& c) const {
    if (!may_control(c.by, training)) return std::unexpected(no_permission());
    const bool failed = training.state == TrainingState::error && !training.cancelled;
    if (!failed && !is_running(training.state)) return std::unexpected(wrong_state(training));
    if (!failed && !training.paused) return TrainingEvents{};
    if (training.participants.empty()) return std::unexpected(nobody_to_resume_with());
    TrainingCourse course{training, circumstances};
    course.resume();
    return course.take();
  }

  Decision operator()(const ExpireDeadline& c) const {
    if (training.deadline != c.deadline) return TrainingEvents{};
    TrainingCourse course{training, circumstances};
    course.expire();
    return course.take();
  }

  Decision operator()(const SubmitUpdate& c) const {
    if (auto allowed = check_may_update(training, c.by, training.model, c.round); !allowed) {
      return std::unexpected(std::move(allowed.error()));
    }
    if (is_repeated(c)) return TrainingEvents{};
    if (training.phase != Phase::updating) return std::unexpected(wrong_round(training, c.round));
    if (auto counted = check_sample_size(c.sample_size); !counted) {
      return std::unexpected(std::move(counted.error()));
    }
    TrainingCourse course{training, circumstances};
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
    const Moments sent{.participant = c.by.id,
                       .first_moment = c.first_moment,
                       .second_moment = c.second_moment,
                       .form = c.form,
                       .sample_size = c.sample_size};
    const auto* before = training.moments_of(c.by.id);
    if (before != nullptr && *before == sent) return TrainingEvents{};
    if (training.phase != Phase::collecting) return std::unexpected(wrong_round(training, c.round));
    if (auto counted = check_sample_size(c.sample_size); !counted) {
      return std::unexpected(std::move(counted.error()));
    }
    for (const auto& other : training.moments) {
      if (other.participant != c.by.id && other.form != c.form) {
        return std::unexpected(rejected(
            Reason::invalid_file,
            "Invalid moments: they are " + c.form + ", those of other participants are " + other.form + "."));
      }
    }
    TrainingCourse course{training, circumstances};
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
    TrainingCourse course{training, circumstances};
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
    if (pending_aggregation(training) != c.aggregation) return TrainingEvents{};
    TrainingCourse course{training, circumstances};
    if (c.weights) {
      course.record_weights(*c.weights);
    } else {
      course.fail("Round " + std::to_string(c.aggregation.round) +
                  " could not be aggregated: " + c.weights.error());
    }
    return course.take();
  }

  Decision operator()(const RecordAveraging& c) const {
    if (pending_averaging(training) != c.averaging) return TrainingEvents{};
    TrainingCourse course{training, circumstances};
    if (c.moments) {
      course.record_moments(*c.moments);
    } else {
      course.fail("The moments of round " + std::to_string(c.averaging.round) +
                  " could not be averaged: " + c.moments.error());
    }
    return course.take();
  }

  Decision operator()(const RecordDelivery& c) const {
    TrainingCourse course{training, circumstances};
    course.emit(NotificationSettled{.notification = c.id,
                                    .receiver = c.notification.receiver,
                                    .outcome = c.outcome,
                                    .status = c.status,
                                    .attempts = c.attempts,
                                    .detail = c.detail,
                                    .kind = c.notification.kind,
                                    .round = c.notification.round});
    const auto receiver = c.notification.receiver;
    if (!is_awaited(training, c.notification)) return course.take();
    const bool refused = c.outcome == DeliveryOutcome::refused;
    const bool unreachable =
        c.outcome == DeliveryOutcome::unreachable && !training.has_done_its_part(receiver);
    if (unreachable && training.options.on_unreachable == OnUnreachable::error) {
      course.fail("Participant " + receiver.text() + " " + why_removed(c) + ".");
    } else if (unreachable && training.options.min_updates >= std::ssize(training.participants)) {
      course.fail("Participant " + receiver.text() + " " + why_removed(c) +
                  ". Without it fewer are left than the " + std::to_string(training.options.min_updates) +
                  " of the option min_updates.");
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

 private:
  // Whether it was taken before: its sender did not see the answer.
  bool is_repeated(const SubmitUpdate& c) const {
    const auto* before = training.update_of(c.by.id);
    return before != nullptr && before->weights == c.weights && before->sample_size == c.sample_size &&
           before->metrics == fingerprint(c.metrics);
  }
};

}  // namespace

std::expected<void, Rejection> check_may_update(const Training& training, const Caller& by, ModelId model,
                                                std::optional<std::int64_t> round) {
  if (model != training.model && model != training.model_for(by.id)) {
    return std::unexpected(
        rejected(Reason::no_training_for_model,
                 "Model with ID " + model.text() + " does not have a training process running"));
  }
  const auto wanted = round.value_or(training.round);
  const bool is_taken = training.phase == Phase::aggregating && training.update_of(by.id) != nullptr;
  return check_may_send(training, by, is_taken ? Phase::aggregating : Phase::updating, wanted);
}

std::expected<void, Rejection> check_may_send_moments(const Training& training, const Caller& by,
                                                      std::optional<std::int64_t> round) {
  const auto wanted = round.value_or(training.round);
  const bool is_taken = training.phase == Phase::averaging && training.moments_of(by.id) != nullptr;
  return check_may_send(training, by, is_taken ? Phase::averaging : Phase::collecting, wanted);
}

Decision decide(const Training& training, const TrainingCommand& command,
                const Circumstances& circumstances) {
  const bool exists = training.id != TrainingId{} && !training.deleted;
  if (const auto* create = std::get_if<CreateTraining>(&command)) {
    if (training.id != TrainingId{}) {
      return std::unexpected(
          rejected(Reason::internal, "Training " + training.id.text() + " exists already."));
    }
    return Decide{training, circumstances}(*create);
  }
  if (!exists) {
    return std::unexpected(
        rejected(Reason::training_not_found, "Training " + training.id.text() + " not found."));
  }
  return std::visit(Decide{training, circumstances}, command);
}

}  // namespace fedlog::domain
