#include <algorithm>
#include <stdexcept>
#include <string>
#include <utility>

#include "domain/overloaded.h"
#include "domain/training.h"

namespace fedlog::domain {
namespace {

// A deadline is of the phase in which it was set.
void enter(Training& training, TrainingState state, Phase phase, Timestamp at) {
  if (!is_legal(training.state, state)) {
    throw std::logic_error("illegal transition of training " + training.id.text() + " from " +
                           std::string(name_of(training.state)) + " to " + std::string(name_of(state)));
  }
  training.state = state;
  training.phase = phase;
  training.phase_since = at;
  training.deadline.reset();
}

void fail(Training& training, const std::string& reason, Timestamp at) {
  training.failed_phase = training.phase;
  training.reason = reason;
  training.paused = false;
  enter(training, TrainingState::error, Phase::idle, at);
}

// Back from state ERROR. What the server was to make of the participants' work is asked for anew, by closing
// the phase before it again, with those who still take part.
void take_up(Training& training, Timestamp at) {
  const auto without_others = [&](auto& parts) {
    std::erase_if(parts, [&](const auto& part) { return !training.has_participant(part.participant); });
  };
  without_others(training.updates);
  without_others(training.moments);
  switch (training.failed_phase) {
    case Phase::collecting:
    case Phase::averaging:
      enter(training, TrainingState::swag_round, Phase::collecting, at);
      break;
    case Phase::testing:
      enter(training, TrainingState::ongoing, Phase::testing, at);
      break;
    case Phase::idle:
    case Phase::updating:
    case Phase::aggregating:
      enter(training, TrainingState::ongoing, Phase::updating, at);
      break;
  }
  training.failed_phase = Phase::idle;
  training.reason.clear();
  training.rounds_without_quorum = 0;
}

void remember(Training& training, Delivery delivery) {
  auto& all = training.last_deliveries;
  const auto place = std::ranges::lower_bound(all, delivery.receiver, {}, &Delivery::receiver);
  if (place != all.end() && place->receiver == delivery.receiver) {
    *place = std::move(delivery);
  } else {
    all.insert(place, std::move(delivery));
  }
}

// The updates named by `models`, in that order: from here on, the order is the canonical one.
std::vector<Update> in_order(const Training& training, const std::vector<ModelId>& models) {
  std::vector<Update> ordered;
  for (const auto& model : models) {
    const auto* update = training.update_by_model(model);
    if (update == nullptr) throw std::logic_error("round closed over an unknown update " + model.text());
    ordered.push_back(*update);
  }
  return ordered;
}

std::vector<Moments> in_order(const Training& training, const std::vector<UserId>& participants) {
  std::vector<Moments> ordered;
  for (const auto& participant : participants) {
    const auto* moments = training.moments_of(participant);
    if (moments == nullptr) {
      throw std::logic_error("SWAG round closed over moments that " + participant.text() + " did not send");
    }
    ordered.push_back(*moments);
  }
  return ordered;
}

// Who sent an update goes on with one of them; `models` names each once.
std::vector<PassedOn> passed_on(const Training& training, const std::vector<ModelId>& models) {
  const auto updates = in_order(training, models);
  std::vector<PassedOn> each;
  for (const auto& participant : training.participants) {
    if (training.update_of(participant) == nullptr) continue;
    if (each.size() == updates.size()) break;
    const auto& update = updates[each.size()];
    each.push_back({.participant = participant, .model = update.model, .owner = update.participant});
  }
  if (updates.size() != training.updates.size() || each.size() != updates.size()) {
    throw std::logic_error(std::to_string(updates.size()) + " models are passed on, of " +
                           std::to_string(training.updates.size()) + " updates");
  }
  return each;
}

struct Evolve {
  Training& training;
  Timestamp at;

  void operator()(const TrainingCreated& e) const {
    training = Training{};
    training.id = e.training;
    training.model = e.model;
    training.model_version = e.model_version;
    training.actor = e.actor;
    training.target_num_updates = e.target_num_updates;
    training.round = e.round;
    training.aggregation_method = e.aggregation_method;
    training.uncertainty_method = e.uncertainty_method;
    training.options = e.options;
    training.participants = e.participants;
    training.weights = e.weights;
    training.preprocessing = e.preprocessing;
    training.created = at;
  }
  void operator()(const ParticipantJoined& e) const { training.participants.push_back(e.participant); }
  void operator()(const ParticipantRemoved& e) const {
    std::erase(training.participants, e.participant);
    std::erase(training.testers, e.participant);
    const auto is_its_own = [&](const auto& part) { return part.participant == e.participant; };
    std::erase_if(training.passed_on, is_its_own);
    // What the server is at work on counts all the same.
    if (training.phase != Phase::aggregating) std::erase_if(training.updates, is_its_own);
    if (training.phase != Phase::averaging) std::erase_if(training.moments, is_its_own);
  }
  void operator()(const TrainingStarted&) const {
    enter(training, TrainingState::ongoing, Phase::updating, at);
  }
  void operator()(const RoundOpened& e) const {
    enter(training, TrainingState::ongoing, Phase::updating, at);
    training.round = e.round;
    training.updates.clear();
    training.testers.clear();
  }
  void operator()(const UpdateAccepted& e) const {
    std::erase_if(training.updates,
                  [&](const Update& update) { return update.participant == e.participant; });
    training.updates.push_back({.participant = e.participant,
                                .model = e.model,
                                .weights = e.weights,
                                .sample_size = e.sample_size,
                                .metrics = fingerprint(e.metrics)});
  }
  void operator()(const RoundClosed& e) const {
    enter(training, TrainingState::ongoing, Phase::aggregating, at);
    training.updates = in_order(training, e.updates);
    training.rounds_without_quorum = 0;
  }
  void operator()(const RoundAggregated& e) const {
    training.round = e.round + 1;
    training.weights = e.weights;
    training.updates.clear();
    training.passed_on.clear();
  }
  void operator()(const ModelsPassedOn& e) const {
    enter(training, TrainingState::ongoing, Phase::updating, at);
    training.passed_on = passed_on(training, e.models);
    training.round = e.round;
    training.updates.clear();
    training.rounds_without_quorum = 0;
  }
  void operator()(const SwagRoundOpened&) const {
    enter(training, TrainingState::swag_round, Phase::collecting, at);
    training.moments.clear();
  }
  void operator()(const MomentsAccepted& e) const {
    std::erase_if(training.moments,
                  [&](const Moments& moments) { return moments.participant == e.participant; });
    training.moments.push_back({.participant = e.participant,
                                .first_moment = e.first_moment,
                                .second_moment = e.second_moment,
                                .form = e.form,
                                .sample_size = e.sample_size});
  }
  void operator()(const SwagRoundClosed& e) const {
    enter(training, TrainingState::swag_round, Phase::averaging, at);
    training.moments = in_order(training, e.participants);
    training.rounds_without_quorum = 0;
  }
  void operator()(const MomentsAveraged& e) const {
    training.swag_first_moment = e.first_moment;
    training.swag_second_moment = e.second_moment;
    training.moments.clear();
  }
  void operator()(const TestOpened&) const {
    enter(training, TrainingState::ongoing, Phase::testing, at);
    training.testers.clear();
  }
  void operator()(const MetricsReported& e) const {
    const bool counts = training.phase == Phase::testing && e.model == training.model &&
                        e.step == training.round && training.has_participant(e.reporter);
    if (counts && std::ranges::find(training.testers, e.reporter) == training.testers.end()) {
      training.testers.push_back(e.reporter);
    }
  }
  void operator()(const PreprocessingReplaced& e) const { training.preprocessing = e.preprocessing; }
  void operator()(const TrainingCompleted&) const {
    enter(training, TrainingState::completed, Phase::idle, at);
  }
  void operator()(const TrainingFailed& e) const { fail(training, e.reason, at); }
  void operator()(const TrainingCancelled& e) const {
    fail(training, e.reason, at);
    training.cancelled = true;
  }
  void operator()(const TrainingPaused&) const {
    training.paused = true;
    training.deadline.reset();
  }
  void operator()(const TrainingResumed&) const {
    training.paused = false;
    if (training.state == TrainingState::error) take_up(training, at);
  }
  void operator()(const DeadlineSet& e) const { training.deadline = e.until; }
  void operator()(const DeadlinePassed& e) const {
    training.deadline.reset();
    if (!e.quorum) ++training.rounds_without_quorum;
  }
  void operator()(const TrainingDeleted&) const { training.deleted = true; }
  void operator()(const NotificationRequested&) const {}  // the outbox holds what is pending
  void operator()(const NotificationSettled& e) const {
    if (auto delivery = delivery_of(e, at)) remember(training, std::move(*delivery));
  }
};

}  // namespace

void evolve(Training& training, const TrainingEvent& event, Timestamp at) {
  std::visit(Evolve{training, at}, event);
  training.last_update = at;
}

}  // namespace fedlog::domain
