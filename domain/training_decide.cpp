#include <algorithm>
#include <utility>

#include "domain/overloaded.h"
#include "domain/training_commands.h"

namespace fedlog::domain {
namespace {

// RoundClosed names the updates of all participants in one event, which holds 64 KiB.
constexpr std::size_t participants_max = 2000;

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

bool has_ended(const Training& training) {
  return training.state == TrainingState::completed || training.state == TrainingState::error;
}

// Collects events and applies each at once, so that every rule sees the state that the ones before it made.
class Course {
 public:
  explicit Course(const Training& training) : training_(training) {}

  [[nodiscard]] const Training& training() const { return training_; }
  [[nodiscard]] TrainingEvents take() { return std::move(events_); }

  void emit(TrainingEvent event) {
    evolve(training_, event, training_.last_update);
    events_.push_back(std::move(event));
  }

  void start() {
    emit(TrainingStarted{});
    notify_all(NotificationKind::training_start, std::nullopt);
    open_round();
  }

  // Goes on as far as the state allows. Called after everything that may have ended a wait.
  void advance() {
    if (training_.state != TrainingState::ongoing) return;
    if (training_.phase == Phase::aggregating) return;  // its result will come
    if (training_.participants.empty()) {
      emit(TrainingFailed{"No participant is left: all were removed, refused or could not be reached."});
    } else if (training_.phase == Phase::updating &&
               training_.updates.size() == training_.participants.size()) {
      close_round();
    } else if (training_.phase == Phase::testing &&
               training_.testers.size() == training_.participants.size()) {
      end_test();
    }
  }

  void join(UserId user) {
    emit(ParticipantJoined{user});
    if (training_.state != TrainingState::ongoing) return;
    notify(user, NotificationKind::training_start, std::nullopt);
    if (training_.phase == Phase::updating)
      notify(user, NotificationKind::update_round_start, training_.round);
    if (training_.phase == Phase::testing) notify(user, NotificationKind::model_test_round, training_.round);
  }

  void remove(UserId user, std::string reason) {
    const bool running =
        training_.state == TrainingState::ongoing || training_.state == TrainingState::swag_round;
    emit(ParticipantRemoved{user, std::move(reason)});
    if (running) notify(user, NotificationKind::client_removed, std::nullopt);
  }

  void record_weights(BlobId weights) {
    emit(RoundAggregated{training_.round, weights});
    emit(TestOpened{training_.round});
    notify_all(NotificationKind::model_test_round, training_.round);
    advance();
  }

 private:
  void open_round() {
    emit(RoundOpened{training_.round});
    notify_all(NotificationKind::update_round_start, training_.round);
  }

  void close_round() {
    RoundClosed closed{.round = training_.round, .updates = {}};
    for (const auto& participant : training_.participants) {
      closed.updates.push_back(training_.update_of(participant)->model);
    }
    emit(std::move(closed));
  }

  void end_test() {
    if (training_.round < training_.target_num_updates) return open_round();
    emit(TrainingCompleted{});
    notify_all(NotificationKind::training_finished, std::nullopt);
    if (!training_.has_participant(training_.actor)) {
      notify(training_.actor, NotificationKind::training_finished, std::nullopt);
    }
  }

  void notify_all(NotificationKind kind, std::optional<std::int64_t> round) {
    const auto receivers = training_.participants;
    for (const auto& receiver : receivers) notify(receiver, kind, round);
  }

  void notify(UserId receiver, NotificationKind kind, std::optional<std::int64_t> round) {
    emit(NotificationRequested{{.receiver = receiver,
                                .kind = kind,
                                .training = training_.id,
                                .model = training_.model,
                                .round = round}});
  }

  Training training_;
  TrainingEvents events_;
};

using Decision = std::expected<TrainingEvents, Rejection>;

// Whether the training still waits for what this notification asked its receiver to do.
bool is_awaited(const Training& training, const Notification& notification) {
  if (training.state != TrainingState::ongoing || notification.round != training.round) return false;
  if (!training.has_participant(notification.receiver)) return false;
  return (notification.kind == NotificationKind::update_round_start && training.phase == Phase::updating) ||
         (notification.kind == NotificationKind::model_test_round && training.phase == Phase::testing);
}

bool has_done_its_part(const Training& training, UserId participant) {
  if (training.phase == Phase::updating) return training.update_of(participant) != nullptr;
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
    if (training.uncertainty_method == UncertaintyMethod::swag || training.options.daisy_chain_period > 0) {
      return std::unexpected(rejected(
          Reason::unsupported,
          "This server does not run SWAG rounds or daisy chaining (FedDC with a period) yet; create the "
          "training with another uncertainty_method, or without options.daisy_chain_period."));
    }
    Course course{training};
    course.start();
    return course.take();
  }

  Decision operator()(const AddParticipants& c) const {
    if (!may_manage(c.by, training)) return std::unexpected(no_permission());
    if (has_ended(training)) return std::unexpected(wrong_state(training));
    Course course{training};
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
    Course course{training};
    for (const auto& user : c.users) {
      if (course.training().has_participant(user)) course.remove(user, "removed by the training's owner");
    }
    course.advance();
    return course.take();
  }

  Decision operator()(const SubmitUpdate& c) const {
    if (auto allowed = check_may_update(training, c.by, c.round); !allowed) {
      return std::unexpected(allowed.error());
    }
    if (c.sample_size <= 0) {
      return std::unexpected(
          rejected(Reason::invalid_field, "Ensure this value is greater than or equal to 1.", "sample_size"));
    }
    const auto* before = training.update_of(c.by.id);
    if (before != nullptr && before->weights == c.weights && before->sample_size == c.sample_size &&
        c.metrics.empty()) {
      return TrainingEvents{};  // the same again: a client that did not see its answer
    }
    Course course{training};
    course.emit(UpdateAccepted{.participant = c.by.id,
                               .model = c.local_model,
                               .round = c.round,
                               .weights = c.weights,
                               .sample_size = c.sample_size,
                               .metrics = c.metrics});
    course.advance();
    return course.take();
  }

  Decision operator()(const ReportMetrics& c) const {
    const bool local = training.update_by_model(c.model) != nullptr;
    if (c.model != training.model && !local) {
      return std::unexpected(rejected(Reason::model_not_found, "Model " + c.model.text() + " not found."));
    }
    Course course{training};
    course.emit(
        MetricsReported{.reporter = c.by.id, .model = c.model, .step = training.round, .metrics = c.metrics});
    course.advance();
    return course.take();
  }

  Decision operator()(const ReplacePreprocessing& c) const {
    return TrainingEvents{PreprocessingReplaced{c.preprocessing}};
  }

  Decision operator()(const RecordAggregation& c) const {
    if (training.phase != Phase::aggregating || training.round != c.round)
      return TrainingEvents{};  // came too late
    Course course{training};
    if (c.weights) {
      course.record_weights(*c.weights);
    } else {
      course.emit(TrainingFailed{"Round " + std::to_string(c.round) +
                                 " could not be aggregated: " + c.weights.error()});
    }
    return course.take();
  }

  Decision operator()(const RecordDelivery& c) const {
    Course course{training};
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

std::expected<void, Rejection> check_may_update(const Training& training, const Caller& by,
                                                std::int64_t round) {
  if (!training.has_participant(by.id)) {
    return std::unexpected(rejected(Reason::permission_denied,
                                    "You are not a participant of training " + training.id.text() + "!"));
  }
  if (training.state != TrainingState::ongoing) return std::unexpected(wrong_state(training));
  if (training.phase != Phase::updating || round != training.round) {
    return std::unexpected(rejected(
        Reason::wrong_round,
        "Training with ID " + training.id.text() + " is not currently in round " + std::to_string(round)));
  }
  return {};
}

Decision decide(const Training& training, const TrainingCommand& command) {
  const bool exists = training.id != TrainingId{} && !training.deleted;
  if (const auto* create = std::get_if<CreateTraining>(&command)) {
    if (training.id != TrainingId{}) {
      return std::unexpected(
          rejected(Reason::internal, "Training " + training.id.text() + " exists already."));
    }
    return Decide{training}(*create);
  }
  if (!exists) {
    return std::unexpected(
        rejected(Reason::training_not_found, "Training " + training.id.text() + " not found."));
  }
  return std::visit(Decide{training}, command);
}

}  // namespace fedlog::domain
