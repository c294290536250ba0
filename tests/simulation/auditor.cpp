#include "tests/simulation/auditor.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "actors/training_loader.h"
#include "domain/training_status.h"
#include "storage/rebuild_views.h"

namespace fedlog::simulation {
namespace {

constexpr std::size_t log_page = 1000;
// Longer than an attempt, the wait after it and the turns of all others, and than a receiver may take to ask.
constexpr std::chrono::minutes longest_silence{25};
constexpr std::size_t complaints_max = 20;
constexpr unsigned views_rebuilt_percent = 20;  // it takes as long as all the rest

domain::TrainingId training_of(const storage::StreamName& stream) {
  return domain::TrainingId::parse(std::string_view(stream).substr(stream.find('/') + 1)).value();
}

bool is_for(const storage::OutboxRow& row, const domain::Notification& notification) {
  return row.notification.receiver == notification.receiver &&
         row.notification.training == notification.training;
}

}  // namespace

void Auditor::complain(const std::string& what) {
  around_.tell([&] { return "COMPLAINT: " + what; });
  if (complaints_.size() < complaints_max) complaints_.push_back(what);
}

void Auditor::complain_about(domain::TrainingId id, const std::string& what) {
  complain("training " + id.text() + ": " + what);
}

Auditor::Watched& Auditor::watched(domain::TrainingId id) {
  const auto found = trainings_.find(id);
  if (found != trainings_.end()) return found->second;
  auto complain = [this, id](const std::string& what) { complain_about(id, what); };
  return trainings_.emplace(id, Watched{.book = Book(complain, around_.happenings), .fold = {}})
      .first->second;
}

const Book* Auditor::book(domain::TrainingId training) const {
  const auto found = trainings_.find(training);
  return found == trainings_.end() ? nullptr : &found->second.book;
}

void Auditor::look(const Server& server) {
  if (!server.up()) return;
  read_log(server);
  for (auto& [id, watched] : trainings_) {
    const bool touched = touched_.contains(id);
    if (touched) check_views(id, watched, server.storage().views());
    if (touched) check_outbox(id, watched, server);
    check_process(id, watched, server);
    check_that_it_goes_on(id, watched, server);
  }
  touched_.clear();
}

void Auditor::read_log(const Server& server) {
  auto& journal = server.storage().journal();
  if (journal.last_position() == position_) return;
  domain::Uuid command;
  domain::TrainingId training;
  const auto end_commit = [&] {
    if (training != domain::TrainingId{}) watched(training).book.end_of_commit();
  };
  for (const auto& envelope : journal.read_all(position_ + 1, log_page)) {
    position_ = envelope.position;
    if (!envelope.stream.starts_with("training/")) continue;
    const auto id = training_of(envelope.stream);
    if (envelope.command != command || id != training) end_commit();
    command = envelope.command;
    training = id;
    note(envelope, server.storage().codec());
  }
  end_commit();
}

void Auditor::note(const storage::Envelope& envelope, const storage::EventCodec& codec) {
  const auto id = training_of(envelope.stream);
  touched_.insert(id);
  auto& its = watched(id);
  const auto event = codec.decode_training(envelope);
  if (!event) return complain_about(id, "an event cannot be read again: " + event.error().message);
  around_.tell([&] {
    const auto decoded = codec.to_json(envelope, false);
    return "log " + std::to_string(envelope.position) + ", training " + id.text().substr(0, 4) + ": " +
           envelope.type + " " + (decoded ? decoded->dump() : "");
  });
  try {
    domain::evolve(its.fold, *event, envelope.time);
  } catch (const std::exception& error) {
    its.damaged = true;
    complain_about(id, "replaying its log throws: " + std::string(error.what()));
  }
  its.version = envelope.version;
  its.book.note(envelope, *event, around_.agenda.now());
  if (const auto* requested = std::get_if<domain::NotificationRequested>(&*event)) {
    signs_[{id, requested->notification.receiver}] = around_.agenda.now();
  }
  if (const auto* settled = std::get_if<domain::NotificationSettled>(&*event)) {
    signs_[{id, settled->receiver}] = around_.agenda.now();
    check_settlement(*settled, id);
  }
}

// What is written of a delivery is what happened to it.
void Auditor::check_settlement(const domain::NotificationSettled& settled,
                               const domain::TrainingId& training) {
  using enum domain::DeliveryOutcome;
  const auto& answers = answers_[settled.notification];
  const bool answered = std::ranges::any_of(answers, [](int status) { return status != 0; });
  const bool accepted =
      std::ranges::any_of(answers, [](int status) { return status >= 200 && status < 300; });
  const auto what = "notification " + settled.notification.text() + " is recorded as " +
                    std::string(domain::name_of(settled.outcome)) + ", ";
  switch (settled.outcome) {
    case delivered:
      if (!accepted && !fetched_.contains(settled.notification)) {
        complain_about(training, what + "and nobody accepted it");
      }
      break;
    case refused:
      if (!answered || !answers.contains(static_cast<int>(settled.status))) {
        complain_about(training, what + "and nobody refused it");
      }
      break;
    case unreachable:
      if (accepted) complain_about(training, what + "and it was accepted");
      break;
    case dropped:
      complain_about(training, what + "and neither the receiver nor the training is gone");
      break;
  }
}

void Auditor::posted(const storage::OutboxRow& row, int status) {
  answers_[row.id].insert(status);
  const auto id = row.notification.training;
  signs_[{id, row.notification.receiver}] = around_.agenda.now();
  const auto* its = book(id);
  if (its == nullptr || !its->exists()) return;
  const auto& outstanding = its->outstanding();
  if (!outstanding.contains(row.position)) {
    return complain_about(id, "a notification is posted after it was settled");
  }
  for (const auto& [position, earlier] : outstanding) {
    if (position >= row.position) break;
    if (is_for(row, earlier.notification)) complain_about(id, "a notification overtakes an earlier one");
  }
}

void Auditor::fetched(const storage::OutboxRow& row) {
  fetched_.insert(row.id);
}

void Auditor::acknowledged(domain::TrainingId training, domain::UserId participant, domain::BlobId weights) {
  const auto* its = book(training);
  if (its == nullptr || !its->accepted(participant, weights)) {
    complain_about(training, "an update was acknowledged, and is not in the log");
  }
}

void Auditor::server_started(const Server& server) {
  if (server.storage().journal().last_position() < position_) {
    complain("the log is shorter than it was before the restart");
    position_ = server.storage().journal().last_position();
    for (auto& [id, watched] : trainings_) watched.damaged = true;
  }
  for (auto& [id, watched] : trainings_) watched.book.disturb();
  for (auto& [way, sign] : signs_) sign = around_.agenda.now();
  answers_.clear();  // what it did not write down before it ended, it has to find out again
}

void Auditor::clock_jumped() {
  for (auto& [id, watched] : trainings_) watched.book.disturb();
}

void Auditor::check_views(domain::TrainingId id, const Watched& watched, const storage::Views& views) {
  if (watched.damaged) return;
  const auto row = views.training(id);
  if (row.has_value() != watched.book.exists()) {
    return complain_about(id, row ? "its row outlives it" : "it has no row in the views");
  }
  if (row && *row != watched.fold) complain_about(id, "its row is not what its log adds up to");
}

void Auditor::check_process(domain::TrainingId id, const Watched& watched, const Server& server) {
  const auto* process = server.process(id);
  if (watched.damaged || process == nullptr || process->version() != watched.version) return;
  if (!touched_.contains(id) && server.is_writing(id)) return;
  if (process->training() != watched.fold) complain_about(id, "its process is not what its log adds up to");
}

// The outbox has what was requested and not settled, and the post office comes back to all of it.
void Auditor::check_outbox(domain::TrainingId id, const Watched& watched, const Server& server) {
  const auto& views = server.storage().views();
  const auto pending = views.pending_in(id);
  const auto& outstanding = watched.book.outstanding();
  const bool same = std::ranges::equal(pending, outstanding, [](const auto& row, const auto& entry) {
    return row.notification == entry.second.notification;
  });
  if (!same) complain_about(id, "the outbox is not what was requested and not settled");
}

void Auditor::check_that_it_goes_on(domain::TrainingId id, const Watched& watched, const Server& server) {
  const auto& book = watched.book;
  if (watched.damaged || !book.exists() || !server.can_write() || server.is_writing(id)) return;
  for (const auto& [position, row] : book.outstanding()) {
    if (!server.post_office().has(row.notification.receiver, id)) {
      complain_about(id, "a notification is pending, and nobody will deliver it");
    }
    if (around_.agenda.now() - signs_[{id, row.notification.receiver}] > longest_silence) {
      complain_about(id, "a notification is pending, and nothing happens about it");
    }
  }
  if (!book.running() || book.paused()) return;
  if (!domain::is_servers_work(book.phase())) return check_waiting_for_people(id, watched, server);
  if (!server.is_working(id)) complain_about(id, "it waits for the server, which does not work on it");
}

void Auditor::check_waiting_for_people(domain::TrainingId id, const Watched& watched, const Server& server) {
  const auto& book = watched.book;
  const auto missing = book.missing();
  const auto status = domain::status_of(watched.fold, around_.wall(), {});
  if (!std::ranges::equal(status.awaited, missing, {}, &domain::Awaited::participant)) {
    complain_about(id, "its status names others than those whom it waits for");
  }
  if (book.deadline()) {
    const auto alarm = server.alarm(id);
    const auto whole = std::chrono::seconds{watched.fold.deadline_s()};
    if (!alarm || *alarm > around_.agenda.now() + whole) {
      complain_about(id, "it has a deadline, and no alarm that rings by then");
    }
    return;
  }
  if (!book.unaware().empty()) complain_about(id, "it waits for ever for somebody who will not know");
}

bool Auditor::all_at_rest() const {
  return std::ranges::all_of(trainings_, [](const auto& entry) {
    const auto& book = entry.second.book;
    return !book.exists() || ((!book.running() || book.paused()) && book.outstanding().empty());
  });
}

void Auditor::close(const Server& server) {
  for (const auto& [id, watched] : trainings_) {
    if (watched.damaged) continue;
    const auto& book = watched.book;
    if (book.running() && !book.paused()) {
      complain_about(id, "it never ends: phase " + std::string(domain::name_of(book.phase())));
    }
    if (book.exists() && !book.outstanding().empty()) complain_about(id, "its outbox is never empty");
    book.expect_each_update_accounted_for();
    const auto loaded = actors::load_training(server.storage().journal(), server.storage().codec(), id);
    if (!loaded || loaded->training != watched.fold || loaded->version != watched.version) {
      complain_about(id, "loading it does not give what its log adds up to");
    }
  }
  if (!around_.random.in_percent(views_rebuilt_percent)) return;
  try {
    const auto difference =
        storage::compare_views_with_log(*server.storage().snapshot(), server.storage().codec());
    if (difference) complain("the views are not what the log adds up to: " + *difference);
  } catch (const std::exception& error) {
    complain("rebuilding the views throws: " + std::string(error.what()));
  }
}

}  // namespace fedlog::simulation
