#include <algorithm>
#include <stdexcept>
#include <string>

#include "domain/overloaded.h"
#include "domain/training.h"

namespace fedlog::domain {
namespace {

void enter(Training& training, TrainingState state, Phase phase) {
  if (!is_legal(training.state, state)) {
    throw std::logic_error("illegal transition of training " + training.id.text() + " from " +
                           std::string(name_of(training.state)) + " to " + std::string(name_of(state)));
  }
  training.state = state;
  training.phase = phase;
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

std::vector<PassedOn> passed_on(const Training& training, const std::vector<ModelId>& models) {
  const auto updates = in_order(training, models);
  if (updates.size() != training.participants.size()) {
    throw std::logic_error("models are passed on to " + std::to_string(updates.size()) + " participants of " +
                           std::to_string(training.participants.size()));
  }
  std::vector<PassedOn> each;
  for (std::size_t index = 0; index < updates.size(); ++index) {
    each.push_back({.participant = training.participants[index],
                    .model = updates[index].model,
                    .owner = updates[index].participant});
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
    if (training.phase == Phase::updating) std::erase_if(training.updates, is_its_own);
    if (training.phase == Phase::collecting) std::erase_if(training.moments, is_its_own);
  }
  void operator()(const TrainingStarted&) const { enter(training, TrainingState::ongoing, Phase::updating); }
  void operator()(const RoundOpened& e) const {
    enter(training, TrainingState::ongoing, Phase::updating);
    training.round = e.round;
    training.updates.clear();
    training.testers.clear();
  }
  void operator()(const UpdateAccepted& e) const {
    std::erase_if(training.updates,
                  [&](const Update& update) { return update.participant == e.participant; });
    training.updates.push_back({e.participant, e.model, e.weights, e.sample_size});
  }
  void operator()(const RoundClosed& e) const {
    enter(training, TrainingState::ongoing, Phase::aggregating);
    training.updates = in_order(training, e.updates);
  }
  void operator()(const RoundAggregated& e) const {
    training.round = e.round + 1;
    training.weights = e.weights;
    training.updates.clear();
    training.passed_on.clear();
  }
  void operator()(const ModelsPassedOn& e) const {
    enter(training, TrainingState::ongoing, Phase::updating);
    training.passed_on = passed_on(training, e.models);
    training.round = e.round;
    training.updates.clear();
  }
  void operator()(const SwagRoundOpened&) const {
    enter(training, TrainingState::swag_round, Phase::collecting);
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
    enter(training, TrainingState::swag_round, Phase::averaging);
    training.moments = in_order(training, e.participants);
  }
  void operator()(const MomentsAveraged& e) const {
    training.swag_first_moment = e.first_moment;
    training.swag_second_moment = e.second_moment;
    training.moments.clear();
  }
  void operator()(const TestOpened&) const {
    enter(training, TrainingState::ongoing, Phase::testing);
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
  void operator()(const TrainingCompleted&) const { enter(training, TrainingState::completed, Phase::idle); }
  void operator()(const TrainingFailed& e) const {
    enter(training, TrainingState::error, Phase::idle);
    training.reason = e.reason;
  }
  void operator()(const TrainingDeleted&) const { training.deleted = true; }
  void operator()(const NotificationRequested&) const {}  // the outbox holds what is pending
  void operator()(const NotificationSettled&) const {}
};

}  // namespace

void evolve(Training& training, const TrainingEvent& event, Timestamp at) {
  std::visit(Evolve{training, at}, event);
  training.last_update = at;
}

}  // namespace fedlog::domain
