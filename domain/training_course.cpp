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

// Of those who have sent an update, in canonical order.
std::vector<ModelId> local_models(const Training& training) {
  std::vector<ModelId> models;
  for (const auto& participant : training.participants) {
    if (const auto* update = training.update_of(participant)) models.push_back(update->model);
  }
  return models;
}

std::vector<UserId> senders_of_moments(const Training& training) {
  std::vector<UserId> users;
  for (const auto& participant : training.participants) {
    if (training.moments_of(participant) != nullptr) users.push_back(participant);
  }
  return users;
}

// "2 of 3 participants had not sent an update for round 4"
std::string what_is_missing(const Training& training, std::size_t missing) {
  return std::to_string(missing) + " of " + std::to_string(training.participants.size()) +
         " participants had not sent " + (training.phase == Phase::updating ? "an update" : "moments") +
         " for round " + std::to_string(training.round);
}

std::string why_no_quorum(const Training& training, std::size_t missing) {
  const auto times = training.rounds_without_quorum;
  return "The deadline passed " +
         (times > 1 ? std::to_string(times) + " times in a row, and at the last " : "and ") +
         what_is_missing(training, missing) + "; at least " + std::to_string(training.quorum()) +
         " must (option min_updates).";
}

bool everybody_is_done(const Training& training) {
  const auto parts = training.phase == Phase::updating     ? training.updates.size()
                     : training.phase == Phase::collecting ? training.moments.size()
                                                           : training.testers.size();
  return parts == training.participants.size();
}

bool ends_period(const Training& training) {
  const auto period = training.options.daisy_chain_period;
  return period <= 0 || (training.round + 1) % period == 0;
}

}  // namespace

void TrainingCourse::emit(TrainingEvent event) {
  evolve(training_, event, circumstances_.now);
  events_.push_back(std::move(event));
}

void TrainingCourse::start() {
  emit(TrainingStarted{});
  notify_all(NotificationKind::training_start, std::nullopt);
  open_round();
}

void TrainingCourse::advance() {
  if (!is_running(training_.state) || training_.paused) return;
  if (is_servers_work(training_.phase)) return;  // its result will come
  if (training_.participants.empty()) {
    fail("No participant is left: all were removed, left, refused or could not be reached.");
  } else if (everybody_is_done(training_)) {
    end_phase();
  }
}

void TrainingCourse::join(UserId user) {
  emit(ParticipantJoined{user});
  if (!is_running(training_.state)) return;
  notify(user, NotificationKind::training_start, std::nullopt);
  if (!training_.paused) ask_for_part(user);
}

void TrainingCourse::remove(UserId user, std::string reason) {
  const bool running = is_running(training_.state);
  emit_removal(user, std::move(reason));
  if (running) notify(user, NotificationKind::client_removed, std::nullopt);
}

void TrainingCourse::leave(UserId user) {
  emit_removal(user, "left");
}

// The first moments say which form they all have. When they go, those that were refused for another may come.
void TrainingCourse::emit_removal(UserId user, std::string reason) {
  const bool had_moments = training_.phase == Phase::collecting && !training_.moments.empty();
  emit(ParticipantRemoved{user, std::move(reason)});
  if (had_moments && training_.moments.empty() && !training_.paused) ask_again();
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

void TrainingCourse::resume() {
  const bool failed = training_.state == TrainingState::error;
  emit(TrainingResumed{});
  // After an error everybody was told that the training is finished, and who joined since knows nothing.
  if (failed) notify_all(NotificationKind::training_start, std::nullopt);
  if (!training_.missing().empty()) {
    set_deadline();
    ask_again();
  }
  advance();
}

void TrainingCourse::fail(std::string reason) {
  emit(TrainingFailed{std::move(reason)});
  notify_of_end(training_.reason);
}

void TrainingCourse::cancel(std::string reason) {
  emit(TrainingCancelled{std::move(reason)});
  notify_of_end(training_.reason);
}

void TrainingCourse::expire() {
  const auto missing = training_.missing();
  const auto done = static_cast<std::int64_t>(training_.participants.size() - missing.size());
  const bool quorum = training_.phase == Phase::testing || done >= training_.quorum();
  const auto before = training_.rounds_without_quorum;
  emit(DeadlinePassed{
      .round = training_.round, .phase = training_.phase, .missing = missing, .quorum = quorum});
  if (training_.phase != Phase::testing && training_.options.on_deadline == OnDeadline::error) {
    fail("The deadline passed and " + what_is_missing(training_, missing.size()) +
         "; the option on_deadline says that this is an error.");
  } else if (quorum) {
    end_phase();
  } else if (before < training_.options.max_rounds_without_quorum) {
    set_deadline();
    ask_again();
  } else {
    fail(why_no_quorum(training_, missing.size()));
  }
}

void TrainingCourse::open_round() {
  emit(RoundOpened{training_.round});
  set_deadline();
  ask_again();
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
  shuffle(passed.models, circumstances_.chance);
  emit(std::move(passed));
  set_deadline();
  ask_again();
}

void TrainingCourse::open_swag_round() {
  emit(SwagRoundOpened{training_.round});
  set_deadline();
  ask_again();
  advance();
}

void TrainingCourse::close_swag_round() {
  emit(SwagRoundClosed{.round = training_.round, .participants = senders_of_moments(training_)});
}

void TrainingCourse::open_test() {
  emit(TestOpened{training_.round});
  set_deadline();
  ask_again();
  advance();
}

void TrainingCourse::end_test() {
  if (training_.round < training_.target_num_updates) return open_round();
  emit(TrainingCompleted{});
  notify_of_end(std::nullopt);
}

void TrainingCourse::end_phase() {
  if (training_.phase == Phase::updating) return end_round();
  if (training_.phase == Phase::collecting) return close_swag_round();
  end_test();
}

void TrainingCourse::set_deadline() {
  const auto seconds = training_.deadline_s();
  if (seconds == 0 || training_.participants.empty()) return;
  emit(DeadlineSet{{circumstances_.now.microseconds + seconds * 1'000'000}});
}

void TrainingCourse::ask_again() {
  for (const auto& receiver : training_.missing()) ask_for_part(receiver);
}

void TrainingCourse::ask_for_part(UserId receiver) {
  if (training_.phase == Phase::updating) {
    const bool proximal = training_.aggregation_method == AggregationMethod::fed_prox;
    notify({.receiver = receiver,
            .kind = NotificationKind::update_round_start,
            .training = training_.id,
            .model = training_.model_for(receiver),
            .round = training_.round,
            .mu = proximal ? training_.options.mu : std::nullopt,
            .reason = {}});
  } else if (training_.phase == Phase::collecting) {
    notify(receiver, NotificationKind::swag_round_start, training_.round);
  } else if (training_.phase == Phase::testing) {
    notify(receiver, NotificationKind::model_test_round, training_.round);
  }
}

void TrainingCourse::notify_of_end(std::optional<std::string> reason) {
  auto receivers = training_.participants;
  if (!training_.has_participant(training_.actor)) receivers.push_back(training_.actor);
  for (const auto& receiver : receivers) {
    notify({.receiver = receiver,
            .kind = NotificationKind::training_finished,
            .training = training_.id,
            .model = training_.model,
            .round = {},
            .mu = {},
            .reason = reason});
  }
}

void TrainingCourse::notify_all(NotificationKind kind, std::optional<std::int64_t> round) {
  for (const auto& receiver : std::vector(training_.participants)) notify(receiver, kind, round);
}

void TrainingCourse::notify(UserId receiver, NotificationKind kind, std::optional<std::int64_t> round) {
  notify({.receiver = receiver,
          .kind = kind,
          .training = training_.id,
          .model = training_.model,
          .round = round,
          .mu = {},
          .reason = {}});
}

void TrainingCourse::notify(Notification notification) {
  emit(NotificationRequested{std::move(notification)});
}

}  // namespace fedlog::domain
