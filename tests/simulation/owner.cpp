#include "tests/simulation/owner.h"

namespace fedlog::simulation {

using namespace std::chrono_literals;

void Owner::begin() {
  around_.agenda.after(around_.some_time(1s, 120s), Agenda::world,
                       [this] { ask(me(), domain::StartTraining{me()}); });
  act_now_and_then();
}

void Owner::behave() {
  behaves_ = true;
  const auto* book = auditor_.book(training_);
  if (book != nullptr && book->paused() && around_.random.in_percent(70)) {
    around_.agenda.after(around_.some_time(1s, 60s), Agenda::world,
                         [this] { ask(me(), domain::ResumeTraining{me()}); });
  }
}

void Owner::act_now_and_then() {
  around_.agenda.after(around_.some_time(30s, 15min), Agenda::world, [this] {
    if (behaves_) return;
    act();
    act_now_and_then();
  });
}

void Owner::act() {
  const auto* book = auditor_.book(training_);
  if (book == nullptr || !book->exists()) return;
  if (book->state() == domain::TrainingState::error) return after_error();
  const auto somebody = around_.random.pick(everybody_);
  const auto chance = around_.random.below(100);
  if (chance < 10) return ask(me(), domain::AddParticipants{me(), {somebody}});
  if (chance < 20) return ask(me(), domain::RemoveParticipants{me(), {somebody}});
  if (chance < 32) return ask(me(), domain::PauseTraining{me()});
  if (chance < 50 || book->paused()) return ask(me(), domain::ResumeTraining{me()});
  if (chance < 52) return ask(me(), domain::CancelTraining{me()});
  if (chance < 53) return ask({superuser, true}, domain::CancelTraining{{superuser, true}});
  if (chance < 54 && around_.random.in_percent(40)) return remove_all();
  if (chance < 58) return ask(me(), domain::StartTraining{me()});
  if (chance < 61) return ask(me(), domain::ReplacePreprocessing{me(), {}});
  if (chance < 75) act_as_participant();
}

void Owner::act_as_participant() {
  const domain::Caller somebody{around_.random.pick(everybody_), false};
  switch (around_.random.below(4)) {
    case 0:
      return ask(somebody, domain::LeaveTraining{somebody});
    case 1:
      return control_as_participant(somebody);
    default:
      return ask(somebody, domain::JoinTraining{somebody});
  }
}

// Which is not for everyone.
void Owner::control_as_participant(const domain::Caller& somebody) {
  switch (around_.random.below(3)) {
    case 0:
      return ask(somebody, domain::PauseTraining{somebody});
    case 1:
      return ask(somebody, domain::ResumeTraining{somebody});
    default:
      return ask(somebody, domain::CancelTraining{somebody});
  }
}

// The training, and perhaps its model with it.
void Owner::remove_all() {
  const bool model_too = around_.random.in_percent(50);
  ask(me(), domain::DeleteTraining{me(), model_too ? std::optional(owner_) : std::nullopt});
}

void Owner::after_error() {
  const auto chance = around_.random.below(100);
  if (chance < 30) {
    ask(me(), domain::AddParticipants{me(), {around_.random.pick(everybody_)}});
  } else if (chance < 40) {
    ask(me(), domain::RemoveParticipants{me(), {around_.random.pick(everybody_)}});
  } else if (chance < 80) {
    ask(me(), domain::ResumeTraining{me()});
  } else if (chance < 82) {
    remove_all();
  }
}

// Some ask again with the same key, since they did not see the answer; perhaps while it is on its way.
void Owner::ask(const domain::Caller& by, const domain::TrainingCommand& command) {
  const bool twice = around_.random.in_percent(20);
  const auto key = twice ? around_.random.uuid().text() : std::string{};
  const auto done = std::make_shared<bool>(false);
  ask_once(by, command, key, done);
  if (!twice) return;
  const auto later = around_.random.in_percent(50) ? around_.some_time(1ms, 30s) : around_.latency(1ms, 20ms);
  around_.agenda.after(later, Agenda::world, [=, this] { ask_once(by, command, key, done); });
}

// `done`: whether the same request was carried out before.
void Owner::ask_once(const domain::Caller& by, const domain::TrainingCommand& command, const std::string& key,
                     const std::shared_ptr<bool>& done) {
  if (!server_.up()) return;
  actors::Reply reply{[this, done](const actors::Result<std::string>& answer) {
    if (answer) {
      *done = true;
      return;
    }
    const bool may_be_later = answer.error().reason == domain::Reason::busy ||
                              answer.error().reason == domain::Reason::storage_full ||
                              answer.error().reason == domain::Reason::internal;
    if (*done && !may_be_later) {
      auditor_.complain("what was done is refused when it is asked for again: " + answer.error().message);
    }
    around_.tell([&] { return "refused to an owner: " + answer.error().message; });
    around_.happenings.count("wishes refused to owners and others");
  }};
  server_.command({.caller = by, .correlation = {}, .idempotency_key = key}, training_, command,
                  std::move(reply));
}

}  // namespace fedlog::simulation
