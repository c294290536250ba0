#include "tests/simulation/server.h"

#include "actors/training_loader.h"
#include "domain/rights.h"
#include "tests/simulation/book.h"

namespace fedlog::simulation {
namespace {

using namespace std::chrono_literals;
using actors::RequestContext;
using actors::TrainingMessage;
using actors::TrainingProcess;

std::unexpected<domain::Rejection> not_found(domain::TrainingId training) {
  return std::unexpected(
      domain::Rejection{domain::Reason::training_not_found, "Training " + training.text() + " not found."});
}

template <class Event, class... Key>
storage::Append append_of(storage::Journal& journal, const storage::StreamName& stream,
                          const std::vector<Event>& events, const Key&... key) {
  storage::Append append{.stream = stream, .expected_version = journal.version_of(stream), .events = {}};
  for (const auto& event : events) append.events.push_back(storage::EventCodec::encode(event, key...));
  return append;
}

storage::Commit commit_of(domain::Uuid command) {
  storage::Commit commit;
  commit.command = command;
  return commit;
}

}  // namespace

Server::Life::Life(Server& server, Agenda::Life life)
    : number(life),
      storage(server.around_.disk, [&around = server.around_] { return around.wall(); }),
      uploads(storage.blobs(), true),
      submissions(storage, uploads, {}),
      post_office(
          server.around_, life, storage.views(), server.ports_.post,
          [&server](auto training, auto message) {
            server.with_process(training, [&](auto& process) { process.command(std::move(message)); });
          },
          server.ports_.odd) {}

void Server::start() {
  life_ = std::make_unique<Life>(*this, ++lives_);
  life_->post_office.outbox_grew();
  if (around_.fault != Fault::forgets_work_at_a_restart) {
    for (const auto& training : storage().views().trainings_with_pending_work()) {
      with_process(training, [](auto&) {});
    }
  }
  rest_now_and_then();
}

void Server::end() {
  const auto number = life_->number;
  for (const auto& [training, hosted] : life_->hosted) {
    if (hosted.writing > 0) around_.happenings.count("appends cut off by a restart");
    if (hosted.working > 0) around_.happenings.count("aggregations lost by a restart");
  }
  around_.agenda.end(number);
  life_.reset();
  around_.agenda.end(number);  // what was planned while everything ended
  if (backup_) around_.disk.restore(std::exchange(backup_, nullptr));
}

// --- processes

// The process, loaded from the log if there is none. When it throws, it is gone.
template <class Do>
void Server::with_process(domain::TrainingId training, const Do& action) {
  try {
    auto& hosted = life_->hosted[training];
    if (!hosted.process) {
      auto loaded = actors::load_training(storage().journal(), storage().codec(), training);
      if (!loaded) throw std::runtime_error(loaded.error());
      hosted.number = ++processes_;
      hosted.process = std::make_unique<TrainingProcess>(std::move(loaded->training), loaded->version,
                                                         ports_of(training, hosted.number));
      hosted.process->wake();
    }
    action(*hosted.process);
  } catch (const std::exception& error) {
    crashed(training, error.what());
  }
}

// For results of what a process asked for: they mean nothing to the one that came after it.
template <class Do>
void Server::with_same_process(domain::TrainingId training, std::uint64_t number, const Do& action) {
  const auto found = life_->hosted.find(training);
  if (found == life_->hosted.end() || found->second.number != number) return;
  action(found->second);
}

void Server::crashed(domain::TrainingId training, const std::string& why) {
  ports_.crashed("training " + training.text() + ": its process threw: " + why);
  life_->hosted.erase(training);
  plan(1s, [this, training] { with_process(training, [](auto&) {}); });
}

TrainingProcess::Ports Server::ports_of(domain::TrainingId training, std::uint64_t number) {
  return {
      .append = [=, this](storage::Commit commit) { append(training, number, std::move(commit)); },
      .aggregate = [=, this](const auto& aggregation) { aggregate(training, number, aggregation); },
      .average = [=, this](const auto& averaging) { average(training, number, averaging); },
      .outbox_grew = [this] { life_->post_office.outbox_grew(); },
      .new_id = [this] { return around_.random.uuid(); },
      .chance = [this] { return domain::Chance{around_.random.next()}; },
      .now = [this] { return around_.wall(); },
      .set_alarm = [=, this](const auto& alarm) { set_alarm(training, number, alarm); },
  };
}

// The journal's writer takes commits in the order of the calls.
void Server::append(domain::TrainingId training, std::uint64_t number, storage::Commit commit) {
  ++life_->hosted[training].writing;
  const auto write_at = std::max(life_->last_write, around_.agenda.now() + around_.latency(0ms, 3ms));
  life_->last_write = write_at;
  around_.agenda.at(write_at, life_->number, [this, training, number, commit = std::move(commit)]() mutable {
    write(training, number, std::move(commit));
  });
}

void Server::write(domain::TrainingId training, std::uint64_t number, storage::Commit commit) {
  if (around_.fault == Fault::loses_a_commit && around_.random.in_percent(5)) backup_ = around_.disk.copy();
  storage().journal().append(std::move(commit), [&](storage::Committed result) {
    if (!result) around_.happenings.count("appends that failed");
    plan(around_.latency(0ms, 2ms), [this, training, number, result = std::move(result)]() mutable {
      with_same_process(training, number, [&](Hosted& hosted) {
        --hosted.writing;
        with_process(training, [&](auto& process) { process.committed(std::move(result)); });
      });
    });
  });
}

void Server::send(domain::TrainingId training, domain::TrainingCommand command) {
  with_process(training, [&](auto& process) {
    process.command({.command = std::move(command),
                     .acting_user = {},
                     .correlation = {},
                     .idempotency_key = {},
                     .reply = {}});
  });
}

// Some work takes long, and some fails. A crash of the process that asked for it does not stop it.
template <class Command>
void Server::work(domain::TrainingId training, std::uint64_t number, Command result) {
  ++life_->hosted[training].working;
  const std::chrono::milliseconds took{around_.random.in_percent(20) ? around_.random.between(10'000, 300'000)
                                                                     : around_.random.between(10, 5'000)};
  plan(took, [this, training, number, result = std::move(result)]() mutable {
    with_same_process(training, number, [&](Hosted& hosted) {
      --hosted.working;
      if (hosted.process->training().paused) around_.happenings.count("results that came in a pause");
    });
    send(training, std::move(result));
  });
}

void Server::aggregate(domain::TrainingId training, std::uint64_t number,
                       const domain::Aggregation& aggregation) {
  domain::RecordAggregation result{.aggregation = aggregation, .weights = weights_of(training, aggregation)};
  if (around_.random.in_percent(5)) {
    result.weights = std::unexpected("a tensor was not finite");
  } else if (around_.fault == Fault::aggregates_twice) {
    plan(301s, [=, this, weights = *result.weights] {
      write_unasked(training, domain::RoundAggregated{aggregation.round, weights});
    });
  } else if (around_.fault == Fault::fails_at_will) {
    plan(301s, [=, this] { write_unasked(training, domain::TrainingFailed{"no reason"}); });
  } else if (around_.fault == Fault::removes_at_will) {
    plan(1ms, [=, this, user = aggregation.updates.front().participant] {
      write_unasked(training, domain::ParticipantRemoved{user, "could not be reached"});
    });
  }
  work(training, number, std::move(result));
}

void Server::average(domain::TrainingId training, std::uint64_t number, const domain::Averaging& averaging) {
  domain::RecordAveraging result{.averaging = averaging, .moments = mean_of(averaging.moments)};
  if (around_.random.in_percent(5)) result.moments = std::unexpected("a moment was not finite");
  work(training, number, std::move(result));
}

void Server::set_alarm(domain::TrainingId training, std::uint64_t number,
                       const std::optional<TrainingProcess::Alarm>& alarm) {
  auto& hosted = life_->hosted[training];
  const auto mine = ++hosted.alarms;
  hosted.alarm.reset();
  if (!alarm || around_.fault == Fault::sleeps_over_a_deadline) return;
  hosted.alarm = around_.agenda.now() + alarm->delay;
  plan(alarm->delay, [this, training, number, mine, deadline = alarm->deadline] {
    with_same_process(training, number, [&](Hosted& ringing) {
      if (ringing.alarms != mine) return;
      ringing.alarm.reset();
      send(training, domain::ExpireDeadline{deadline});
    });
  });
}

// Processes that have nothing to do leave a snapshot and go.
void Server::rest_now_and_then() {
  plan(around_.some_time(1min, 10min), [this] {
    for (auto hosted = life_->hosted.begin(); hosted != life_->hosted.end();) {
      const auto next = std::next(hosted);
      const auto& process = hosted->second.process;
      if (process && process->idle()) {
        actors::save_snapshot(storage().journal(), {process->training(), process->version()});
        life_->hosted.erase(hosted);
        around_.happenings.count("processes that went to rest");
      }
      hosted = next;
    }
    rest_now_and_then();
  });
}

// --- planted mistakes

domain::BlobId Server::weights_of(domain::TrainingId training, const domain::Aggregation& aggregation) {
  auto updates = aggregation.updates;
  if (around_.fault == Fault::forgets_an_update && updates.size() > 1) updates.pop_back();
  if (around_.fault == Fault::ignores_a_removal) {
    for (const auto& sent : all_updates_[{training, aggregation.round}]) {
      const auto its = std::ranges::find(updates, sent.participant, &domain::Update::participant);
      if (its == updates.end()) updates.push_back(sent);
    }
  }
  return mean_of(aggregation.base, updates);
}

// As a second server would, that does not look at what the first one wrote.
void Server::write_unasked(domain::TrainingId training, domain::TrainingEvent event) {
  auto commit = commit_of(around_.random.uuid());
  const std::vector<domain::TrainingEvent> events{std::move(event)};
  commit.appends.push_back(append_of(storage().journal(), storage::stream_of(training), events));
  std::ignore = storage().journal().append_and_wait(std::move(commit));
}

// --- requests

void Server::command(const RequestContext& context, domain::TrainingId training,
                     domain::TrainingCommand command, actors::Reply reply) {
  if (around_.fault == Fault::obeys_everyone) let_the_owner_ask(training, command);
  const auto key = around_.fault == Fault::forgets_keys ? std::string{} : context.idempotency_key;
  const auto refuse_or_repeat = [this, key](domain::Rejection rejection) {
    const bool asks = !key.empty() && life_ != nullptr;  // it ends with what it had not answered
    const auto earlier = asks ? storage().journal().reply_to(key) : std::nullopt;
    if (earlier) around_.happenings.count("requests answered as the first time");
    return earlier ? actors::Result<std::string>{*earlier} : std::unexpected(std::move(rejection));
  };
  if (const auto first = refuse_or_repeat({}); first) return reply(*first);
  if (!storage().views().training(training)) return reply(refuse_or_repeat(not_found(training).error()));
  const auto waiting = std::make_shared<actors::Reply>(std::move(reply));
  with_process(training, [&](auto& process) {
    process.command({.command = std::move(command),
                     .acting_user = context.caller.id,
                     .correlation = context.correlation,
                     .idempotency_key = key,
                     .reply = actors::Reply{[waiting, refuse_or_repeat](actors::Result<std::string> result) {
                       (*waiting)(result ? std::move(result) : refuse_or_repeat(std::move(result.error())));
                     }}});
  });
}

void Server::let_the_owner_ask(domain::TrainingId training, domain::TrainingCommand& command) {
  const auto known = storage().views().training(training);
  if (!known) return;
  if (auto* pause = std::get_if<domain::PauseTraining>(&command)) pause->by.id = known->actor;
  if (auto* resume = std::get_if<domain::ResumeTraining>(&command)) resume->by.id = known->actor;
  if (auto* cancel = std::get_if<domain::CancelTraining>(&command)) cancel->by.id = known->actor;
}

// The file takes a while to come in, after it was asked whether it is wanted.
void Server::submit_update(const RequestContext& context, domain::ModelId model, domain::SubmitUpdate update,
                           actors::Reply reply) {
  if (auto may = life_->submissions.may_submit_update(context, model, update.round); !may) {
    return reply(std::unexpected(may.error()));
  }
  const auto known = storage().views().model(model);
  const auto training = known ? known->training : std::nullopt;
  if (!training) return command(context, {}, update, std::move(reply));
  if (around_.fault == Fault::ignores_a_removal) {
    all_updates_[{*training, update.round}].push_back(
        {update.by.id, update.local_model, update.weights, update.sample_size});
  }
  plan(around_.latency(1ms, 200ms),
       [this, context, training = *training, update, reply = std::move(reply)]() mutable {
         command(context, training, update, std::move(reply));
       });
}

void Server::submit_moments(const RequestContext& context, domain::ModelId model,
                            domain::SubmitMoments moments, actors::Reply reply) {
  if (auto may = life_->submissions.may_submit_moments(context, model, moments.round); !may) {
    return reply(std::unexpected(may.error()));
  }
  const auto known = storage().views().model(model);
  const auto training = known ? known->training : std::nullopt;
  if (!training) return command(context, {}, moments, std::move(reply));
  plan(around_.latency(1ms, 200ms),
       [this, context, training = *training, moments, reply = std::move(reply)]() mutable {
         command(context, training, moments, std::move(reply));
       });
}

void Server::report_metrics(const RequestContext& context, domain::ReportMetrics report,
                            actors::Reply reply) {
  const auto model = storage().views().model(report.model);
  if (!model || !model->training) return reply(not_found({}));
  const auto training = storage().views().training(*model->training);
  if (!training ||
      !domain::may_report_metrics(context.caller, *model, &*training, domain::ModelAccess::members)) {
    return reply(not_found(*model->training));
  }
  command(context, training->id, std::move(report), std::move(reply));
}

std::vector<storage::OutboxRow> Server::fetch(domain::UserId receiver, std::uint64_t after) {
  auto rows = storage().views().notifications_of(receiver, after, 100);
  life_->post_office.fetched(receiver, rows.empty() ? after : rows.back().position);
  return rows;
}

bool Server::register_user(const domain::UserRegistered& user) {
  auto key = storage().new_user_key(user.user);
  auto commit = commit_of(around_.random.uuid());
  const std::vector<domain::UserEvent> events{user};
  commit.appends.push_back(append_of(storage().journal(), storage::stream_of(user.user), events, key.key));
  commit.secrets.push_back(std::move(key.secret));
  return storage().journal().append_and_wait(std::move(commit)).has_value();
}

bool Server::change_endpoint(domain::UserId user, const std::string& endpoint) {
  const auto key = storage().codec().keys().key_of(user);
  auto commit = commit_of(around_.random.uuid());
  const std::vector<domain::UserEvent> events{
      domain::UserChanged{.user = user,
                          .first_name = {},
                          .last_name = {},
                          .email = {},
                          .message_endpoint = domain::Personal{endpoint}}};
  commit.appends.push_back(append_of(storage().journal(), storage::stream_of(user), events, *key));
  if (!storage().journal().append_and_wait(std::move(commit))) return false;
  life_->post_office.endpoint_changed(user);
  return true;
}

bool Server::create_training(const domain::ModelUploaded& model, const domain::TrainingCreated& training) {
  auto commit = commit_of(around_.random.uuid());
  const std::vector<domain::ModelEvent> of_model{model, domain::ModelJoinedTraining{training.training}};
  commit.appends.push_back(append_of(storage().journal(), storage::stream_of(model.model), of_model));
  const auto created = domain::decide(domain::Training{}, domain::CreateTraining{training}, {});
  if (!created) return false;
  commit.appends.push_back(append_of(storage().journal(), storage::stream_of(training.training), *created));
  return storage().journal().append_and_wait(std::move(commit)).has_value();
}

// --- for the auditor

const TrainingProcess* Server::process(domain::TrainingId training) const {
  const auto found = life_->hosted.find(training);
  return found == life_->hosted.end() ? nullptr : found->second.process.get();
}

bool Server::is_writing(domain::TrainingId training) const {
  const auto found = life_->hosted.find(training);
  return found != life_->hosted.end() && found->second.writing > 0;
}

bool Server::is_working(domain::TrainingId training) const {
  const auto found = life_->hosted.find(training);
  return found != life_->hosted.end() && found->second.working > 0;
}

std::optional<Instant> Server::alarm(domain::TrainingId training) const {
  const auto found = life_->hosted.find(training);
  return found == life_->hosted.end() ? std::nullopt : found->second.alarm;
}

}  // namespace fedlog::simulation
