#include "actors/training_director.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <atomic>
#include <unordered_map>

#include "actors/chance.h"
#include "actors/messages.h"
#include "actors/new_id.h"
#include "actors/training_loader.h"
#include "storage/log_head.h"

namespace fedlog::actors {
namespace {

using Clock = std::chrono::steady_clock;

// An alarm is checked at least so often: a deadline that is moved leaves a message on its way for that long.
constexpr std::chrono::minutes alarm_check{1};

// A training's actor that crashes before it is so old may crash again at once.
constexpr std::chrono::seconds grown_up{1};
constexpr std::chrono::milliseconds restart_delay_min{100};
constexpr std::chrono::minutes restart_delay_max{1};

// What all actors here share. Outlives them: the director waits for its trainings to end.
struct Shared {
  TrainingDirector::Parts parts;
  std::atomic<std::size_t> awake{0};
  caf::actor director;
};

// --- one training

struct ArmedAlarm {
  domain::Timestamp deadline;
  Clock::time_point due;
};

struct TrainingState {
  std::optional<TrainingProcess> process;
  std::optional<ArmedAlarm> alarm;
  std::uint64_t alarms = 0;            // so far; checks of earlier ones are ignored
  std::uint64_t messages = 0;          // from the director, so far
  std::uint64_t messages_at_tick = 0;  // when the last tick came
};

using TrainingActor = caf::stateful_actor<TrainingState>;

// Why a training fails stands in its log, for its owner; here it is for who runs the server.
template <class T>
void log_failure(domain::TrainingId id, std::int64_t round, const std::expected<T, std::string>& result) {
  if (result) return;
  spdlog::error("round could not be closed training={} round={} reason=\"{}\"", id.text(), round,
                result.error());
}

// Sends the result of what was asked for as a command to the training that asked, which may rest by then. The
// blobs of the result are held until its event is durable, or it is refused.
template <class Command>
void tell(Shared* shared, domain::TrainingId id, Command command, storage::BlobHold blobs) {
  auto message = std::make_shared<TrainingMessage>();
  message->command = std::move(command);
  message->reply = Reply{[blobs = std::move(blobs)](const auto&) {}};
  caf::anon_send(shared->director, id, std::move(message));
}

void check_alarm_later(TrainingActor* self) {
  const auto left = std::max(self->state.alarm->due - Clock::now(), Clock::duration::zero());
  self->delayed_send(self, std::min<Clock::duration>(left, alarm_check), alarm_atom::value,
                     self->state.alarms);
}

void set_alarm(TrainingActor* self, const std::optional<TrainingProcess::Alarm>& alarm) {
  auto& state = self->state;
  ++state.alarms;
  state.alarm.reset();
  if (!alarm) return;
  state.alarm = ArmedAlarm{.deadline = alarm->deadline, .due = Clock::now() + alarm->delay};
  check_alarm_later(self);
}

void check_alarm(TrainingActor* self, std::uint64_t number) {
  auto& state = self->state;
  if (!state.alarm || number != state.alarms) return;
  if (Clock::now() < state.alarm->due) return check_alarm_later(self);
  TrainingMessage expiry;
  expiry.command = domain::ExpireDeadline{state.alarm->deadline};
  state.alarm.reset();
  state.process->command(std::move(expiry));
}

TrainingProcess::Ports ports_of(TrainingActor* self, Shared* shared, domain::TrainingId id) {
  return {
      .append =
          [self, shared](storage::Commit commit) {
            shared->parts.journal.append(
                std::move(commit), [actor = caf::actor_cast<caf::actor>(self)](storage::Committed result) {
                  caf::anon_send(actor, std::make_shared<storage::Committed>(std::move(result)));
                });
          },
      .aggregate =
          [shared, id](const domain::Aggregation& aggregation) {
            shared->parts.aggregation_worker.aggregate(
                aggregation, [shared, id, aggregation](auto result, auto blobs) {
                  log_failure(id, aggregation.round, result);
                  tell(shared, id,
                       domain::RecordAggregation{.aggregation = aggregation, .weights = std::move(result)},
                       std::move(blobs));
                });
          },
      .average =
          [shared, id](const domain::Averaging& averaging) {
            shared->parts.aggregation_worker.average(averaging, [shared, id, averaging](auto result,
                                                                                        auto blobs) {
              log_failure(id, averaging.round, result);
              tell(shared, id, domain::RecordAveraging{.averaging = averaging, .moments = std::move(result)},
                   std::move(blobs));
            });
          },
      .outbox_grew = shared->parts.outbox_grew,
      .new_id = [] { return new_id(); },
      .chance = [] { return new_chance(); },
      .now = shared->parts.now,
      .set_alarm = [self](const std::optional<TrainingProcess::Alarm>& alarm) { set_alarm(self, alarm); },
  };
}

// The process, loaded from the log the first time. Throws when the log cannot be read: the actor ends, its
// director logs why.
TrainingProcess& loaded(TrainingActor* self, Shared* shared, domain::TrainingId id) {
  auto& process = self->state.process;
  if (!process) {
    auto training = load_training(shared->parts.journal, shared->parts.codec, id);
    if (!training) throw std::runtime_error(training.error());
    process.emplace(std::move(training->training), training->version, ports_of(self, shared, id));
    process->wake();
  }
  return *process;
}

caf::behavior training_actor(TrainingActor* self, Shared* shared, domain::TrainingId id) {
  self->delayed_send(self, shared->parts.idle_limit, tick_atom::value);
  return {
      [=](const SharedTrainingMessage& message) {
        ++self->state.messages;
        loaded(self, shared, id).command(std::move(*message));
      },
      [=](wake_atom) {
        ++self->state.messages;
        loaded(self, shared, id);
      },
      [=](alarm_atom, std::uint64_t number) { check_alarm(self, number); },
      [=](const SharedCommitted& result) { self->state.process->committed(std::move(*result)); },
      [=](tick_atom) {
        auto& state = self->state;
        const bool quiet = state.messages == state.messages_at_tick;
        if (quiet && state.process && state.process->idle()) {
          caf::anon_send(shared->director, rest_atom::value, id, state.messages);
        }
        state.messages_at_tick = state.messages;
        self->delayed_send(self, shared->parts.idle_limit, tick_atom::value);
      },
      [=](stop_atom) {
        const auto& process = *self->state.process;
        save_snapshot(shared->parts.journal, {process.training(), process.version()});
        self->quit();
      },
  };
}

// --- their director

struct Child {
  caf::actor actor;
  std::uint64_t messages = 0;
  Clock::time_point spawned;
};

struct DirectorState {
  std::unordered_map<domain::TrainingId, Child> children;
  std::unordered_map<domain::TrainingId, unsigned> young_crashes;  // in a row
  std::unordered_map<caf::actor_addr, domain::TrainingId> ids;
};

using DirectorActor = caf::stateful_actor<DirectorState>;

Child& child(DirectorActor* self, Shared* shared, domain::TrainingId id) {
  auto& children = self->state.children;
  if (const auto found = children.find(id); found != children.end()) return found->second;
  auto actor = self->spawn<caf::monitored>(training_actor, shared, id);
  self->state.ids.emplace(actor.address(), id);
  shared->awake = children.size() + 1;
  return children.emplace(id, Child{std::move(actor), 0, Clock::now()}).first->second;
}

void forget(DirectorActor* self, Shared* shared, domain::TrainingId id) {
  self->state.children.erase(id);
  shared->awake = self->state.children.size();
}

// One that crashes again and again as soon as it lives waits longer each time, and is not given up: it may
// have a deadline.
std::chrono::milliseconds delay_before_restart(DirectorActor* self, domain::TrainingId id,
                                               Clock::duration lived) {
  auto& young_crashes = self->state.young_crashes;
  if (lived >= grown_up) {
    young_crashes.erase(id);
    return std::chrono::milliseconds{0};
  }
  const auto before = young_crashes[id]++;
  return std::min<std::chrono::milliseconds>(restart_delay_min * (1U << std::min(before, 16U)),
                                             restart_delay_max);
}

caf::behavior director(DirectorActor* self, Shared* shared) {
  self->set_down_handler([=](const caf::down_msg& down) {
    const auto found = self->state.ids.find(down.source);
    if (found == self->state.ids.end()) return;
    const auto id = found->second;
    self->state.ids.erase(found);
    if (down.reason == caf::exit_reason::normal) return;
    // It crashed. Its state is in the log; a new actor takes up what is pending, with the next command or
    // after the delay.
    const auto crashed = self->state.children.find(id);
    if (crashed == self->state.children.end() || crashed->second.actor.address() != down.source) {
      spdlog::error("training actor crashed on its way to rest training={} reason=\"{}\"", id.text(),
                    self->system().render(down.reason));
      return;
    }
    const auto delay = delay_before_restart(self, id, Clock::now() - crashed->second.spawned);
    spdlog::error("training actor crashed training={} reason=\"{}\" restart_ms={}", id.text(),
                  self->system().render(down.reason), delay.count());
    forget(self, shared, id);
    self->delayed_send(self, delay, wake_atom::value, id);
  });
  self->set_exit_handler([=](const caf::exit_msg& exit) {
    for (const auto& [id, living] : self->state.children) self->send_exit(living.actor, exit.reason);
    self->quit(exit.reason);
  });
  return {
      [=](domain::TrainingId id, const SharedTrainingMessage& message) {
        auto& target = child(self, shared, id);
        ++target.messages;
        self->send(target.actor, message);
      },
      [=](wake_atom, domain::TrainingId id) {
        auto& target = child(self, shared, id);
        ++target.messages;
        self->send(target.actor, wake_atom::value);
      },
      // A training is idle since it got `messages`; unless more are on their way to it, it may rest.
      [=](rest_atom, domain::TrainingId id, std::uint64_t messages) {
        const auto found = self->state.children.find(id);
        if (found == self->state.children.end() || found->second.messages != messages) return;
        self->send(found->second.actor, stop_atom::value);
        self->state.young_crashes.erase(id);
        forget(self, shared, id);
      },
  };
}

}  // namespace

struct TrainingDirector::Implementation {
  caf::actor_system& system;
  Shared shared;
};

TrainingDirector::TrainingDirector(caf::actor_system& system, Parts parts)
    : implementation_(new Implementation{.system = system,
                                         .shared = {.parts = std::move(parts), .awake = 0, .director = {}}}) {
  if (!implementation_->shared.parts.now) implementation_->shared.parts.now = storage::system_time;
  implementation_->shared.director = system.spawn(director, &implementation_->shared);
}

TrainingDirector::~TrainingDirector() = default;

void TrainingDirector::stop() {
  caf::anon_send_exit(implementation_->shared.director, caf::exit_reason::user_shutdown);
  implementation_->system.await_all_actors_done();
}

void TrainingDirector::send(domain::TrainingId training, TrainingMessage message) {
  caf::anon_send(implementation_->shared.director, training,
                 std::make_shared<TrainingMessage>(std::move(message)));
}

void TrainingDirector::wake(domain::TrainingId training) {
  caf::anon_send(implementation_->shared.director, wake_atom::value, training);
}

std::size_t TrainingDirector::awake() const {
  return implementation_->shared.awake;
}

}  // namespace fedlog::actors
