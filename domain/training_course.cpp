#include "domain/training_course.h"

#include <cstddef>
#include <cstdint>

namespace fedlog::domain {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014): every number once in 2^64 calls, from any seed.
class Draws {
 public:
  explicit Draws(Chance chance) : state_(chance.seed) {}

  // Each of 0 .. count - 1 is as likely.
  std::size_t below(std::size_t count) {
    const std::uint64_t size = count;
    const std::uint64_t incomplete = (0 - size) % size;  // numbers that would favour the low ones
    while (true) {
      const auto number = next();
      if (number >= incomplete) return static_cast<std::size_t>(number % size);
    }
  }

 private:
  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    auto mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
  }

  std::uint64_t state_;
};

// Every order is as likely (Fisher and Yates).
void shuffle(std::vector<ModelId>& models, Chance chance) {
  Draws draws(chance);
  for (std::size_t left = models.size(); left > 1; --left) {
    std::swap(models[left - 1], models[draws.below(left)]);
  }
}

std::vector<ModelId> local_models(const Training& training) {
  std::vector<ModelId> models;
  for (const auto& participant : training.participants) {
    models.push_back(training.update_of(participant)->model);
  }
  return models;
}

bool ends_period(const Training& training) {
  const auto period = training.options.daisy_chain_period;
  return period <= 0 || (training.round + 1) % period == 0;
}

}  // namespace

void TrainingCourse::emit(TrainingEvent event) {
  evolve(training_, event, training_.last_update);
  events_.push_back(std::move(event));
}

void TrainingCourse::start() {
  emit(TrainingStarted{});
  notify_all(NotificationKind::training_start, std::nullopt);
  open_round();
}

void TrainingCourse::advance() {
  if (!is_running(training_.state)) return;
  if (is_servers_work(training_.phase)) return;  // its result will come
  const auto expected = training_.participants.size();
  if (expected == 0) {
    emit(TrainingFailed{"No participant is left: all were removed, refused or could not be reached."});
  } else if (training_.phase == Phase::updating && training_.updates.size() == expected) {
    end_round();
  } else if (training_.phase == Phase::collecting && training_.moments.size() == expected) {
    close_swag_round();
  } else if (training_.phase == Phase::testing && training_.testers.size() == expected) {
    end_test();
  }
}

void TrainingCourse::join(UserId user) {
  emit(ParticipantJoined{user});
  if (!is_running(training_.state)) return;
  notify(user, NotificationKind::training_start, std::nullopt);
  if (training_.phase == Phase::updating) notify_of_round(user);
  if (training_.phase == Phase::collecting) notify(user, NotificationKind::swag_round_start, training_.round);
  if (training_.phase == Phase::testing) notify(user, NotificationKind::model_test_round, training_.round);
}

void TrainingCourse::remove(UserId user, std::string reason) {
  const bool running = is_running(training_.state);
  emit(ParticipantRemoved{user, std::move(reason)});
  if (running) notify(user, NotificationKind::client_removed, std::nullopt);
}

void TrainingCourse::record_weights(BlobId weights) {
  emit(RoundAggregated{training_.round, weights});
  if (training_.uncertainty_method == UncertaintyMethod::swag) {
    open_swag_round();
  } else {
    open_test();
  }
}

void TrainingCourse::record_moments(const AveragedMoments& moments) {
  emit(MomentsAveraged{.round = training_.round,
                       .first_moment = moments.first_moment,
                       .second_moment = moments.second_moment});
  open_test();
}

void TrainingCourse::open_round() {
  emit(RoundOpened{training_.round});
  for (const auto& participant : std::vector(training_.participants)) notify_of_round(participant);
}

void TrainingCourse::end_round() {
  if (ends_period(training_)) {
    close_round();
  } else {
    pass_models_on();
  }
}

void TrainingCourse::close_round() {
  emit(RoundClosed{.round = training_.round, .updates = local_models(training_)});
}

void TrainingCourse::pass_models_on() {
  ModelsPassedOn passed{.round = training_.round + 1, .models = local_models(training_)};
  shuffle(passed.models, chance_);
  emit(std::move(passed));
  for (const auto& participant : std::vector(training_.participants)) notify_of_round(participant);
}

void TrainingCourse::open_swag_round() {
  emit(SwagRoundOpened{training_.round});
  notify_all(NotificationKind::swag_round_start, training_.round);
  advance();
}

void TrainingCourse::close_swag_round() {
  emit(SwagRoundClosed{.round = training_.round, .participants = training_.participants});
}

void TrainingCourse::open_test() {
  emit(TestOpened{training_.round});
  notify_all(NotificationKind::model_test_round, training_.round);
  advance();
}

void TrainingCourse::end_test() {
  if (training_.round < training_.target_num_updates) return open_round();
  emit(TrainingCompleted{});
  notify_all(NotificationKind::training_finished, std::nullopt);
  if (!training_.has_participant(training_.actor)) {
    notify(training_.actor, NotificationKind::training_finished, std::nullopt);
  }
}

void TrainingCourse::notify_all(NotificationKind kind, std::optional<std::int64_t> round) {
  for (const auto& receiver : std::vector(training_.participants)) notify(receiver, kind, round);
}

void TrainingCourse::notify(UserId receiver, NotificationKind kind, std::optional<std::int64_t> round) {
  notify_about(training_.model, receiver, kind, round);
}

void TrainingCourse::notify_of_round(UserId receiver) {
  notify_about(training_.model_for(receiver), receiver, NotificationKind::update_round_start,
               training_.round);
}

void TrainingCourse::notify_about(ModelId model, UserId receiver, NotificationKind kind,
                                  std::optional<std::int64_t> round) {
  emit(NotificationRequested{
      {.receiver = receiver, .kind = kind, .training = training_.id, .model = model, .round = round}});
}

}  // namespace fedlog::domain
