#include "tests/simulation/person.h"

#include <algorithm>

#include "tests/simulation/digest.h"

namespace fedlog::simulation {
namespace {

using namespace std::chrono_literals;
using domain::NotificationKind;

constexpr int attempts_max = 20;

bool may_be_tried_again(domain::Reason reason) {
  return reason == domain::Reason::busy || reason == domain::Reason::storage_full ||
         reason == domain::Reason::internal;
}

}  // namespace

Person::Person(Surroundings& around, Server& server, Auditor& auditor, domain::UserId id, Habits habits)
    : around_(around),
      server_(server),
      auditor_(auditor),
      id_(id),
      habits_(habits),
      polls_(around.random.in_percent(25)),
      careful_(around.random.in_percent(50)),
      uses_keys_(around.random.in_percent(50)) {}

void Person::begin() {
  poll_now_and_then();
  wander_now_and_then();
}

void Person::behave() {
  behaves_ = true;
  away_ = false;
  plan(some_time(1s, 60s), [this] { catch_up(); });
}

void Person::vanish() {
  away_ = true;
  ++absences_;
  around_.happenings.count("clients that vanished");
}

void Person::come_back() {
  if (!std::exchange(away_, false)) return;
  if (around_.random.in_percent(50)) catch_up();
}

// --- hearing of work

PostOffice::Answer Person::receive(const storage::OutboxRow& row) {
  if (away_) {
    around_.happenings.count("attempts to reach who was away");
    return {.status = 0,
            .took = around_.random.in_percent(50) ? some_time(1ms, 5ms) : some_time(3s, 30s),
            .problem = "no answer"};
  }
  const auto took = some_time(1ms, 200ms);
  if (likely(habits_.refuses))
    return {.status = around_.random.in_percent(50) ? 404 : 500, .took = took, .problem = {}};
  if (likely(habits_.says_later)) {
    around_.happenings.count("receivers that said later");
    return {.status = around_.random.in_percent(50) ? 503 : 429, .took = took, .problem = {}};
  }
  const bool again = !had_.insert(row.id).second;
  if (again) around_.happenings.count("notifications that came again");
  if (!again || !careful_) take(row.notification);
  if (likely(habits_.hangs)) return {.status = 0, .took = 30s, .problem = "no answer in time"};
  return {.status = 200, .took = took, .problem = {}};
}

void Person::poll_now_and_then() {
  plan(behaves_ ? Duration{30s} : some_time(20s, 120s), [this] {
    if (polls_ && !away_ && server_.up()) {
      const auto rows = server_.fetch(id_, cursor_);
      for (const auto& row : rows) auditor_.fetched(row);
      const bool lost = likely(3);  // the answer
      for (const auto& row : rows) {
        if (lost) break;
        cursor_ = row.position;
        around_.happenings.count("notifications fetched by who polls");
        take(row.notification);
      }
    }
    poll_now_and_then();
  });
}

void Person::take(const domain::Notification& notification) {
  if (!domain::asks_for_work(notification.kind) || likely(habits_.forgets)) return;
  plan_work({.kind = notification.kind,
             .training = notification.training,
             .model = notification.model,
             .round = notification.round.value_or(0),
             .sample_size = around_.random.between(1, 100),
             .content = {},
             .idempotency_key = {},
             .attempts = 0});
}

void Person::plan_work(const Work& work) {
  const auto wait = likely(habits_.dawdles) ? some_time(60s, 1h) : some_time(1s, 60s);
  plan(wait, [this, work, absence = absences_] {
    if (absence != absences_ && !behaves_) return;
    if (likely(habits_.sends_garbage)) {
      send_garbage(work);
      if (around_.random.in_percent(30)) return;
    }
    const auto sent = send(work);
    if (!likely(habits_.repeats)) return;
    const bool differently = around_.random.in_percent(50);
    plan(some_time(1ms, 30s), [=, this] {
      if (differently) {
        send(work);
      } else {
        request(sent, false);
      }
    });
  });
}

// Whoever comes back looks what there is to do.
void Person::catch_up() {
  if (!server_.up()) return plan(some_time(1s, 60s), [this] { catch_up(); });
  std::vector<domain::Training> mine;
  server_.storage().views().trainings_of(id_).visit([&](domain::Training training) {
    mine.push_back(std::move(training));
    return true;
  });
  for (const auto& training : mine) {
    const auto* book = auditor_.book(training.id);
    if (book == nullptr || !std::ranges::count(book->missing(), id_)) continue;
    Work work;
    work.training = training.id;
    work.model = training.model;
    work.round = training.round;
    work.sample_size = around_.random.between(1, 100);
    work.kind = training.phase == domain::Phase::updating     ? NotificationKind::update_round_start
                : training.phase == domain::Phase::collecting ? NotificationKind::swag_round_start
                                                              : NotificationKind::model_test_round;
    plan_work(work);
    around_.happenings.count("work found by who came back");
  }
}

// --- doing it

Person::Work Person::send(Work work) {
  work.content = "of " + id_.text() + " number " + std::to_string(++contents_);
  if (uses_keys_) work.idempotency_key = id_.text() + "/" + std::to_string(contents_);
  request(work, false);
  return work;
}

void Person::send_garbage(const Work& work) {
  auto garbage = work;
  garbage.content = "garbage " + std::to_string(++contents_);
  switch (around_.random.below(4)) {
    case 0:
      garbage.round += around_.random.between(0, 1) * 2 - 1;
      break;
    case 1:
      garbage.model = {around_.random.uuid()};
      break;
    case 2:
      garbage.sample_size = 0;
      break;
    default:
      constexpr std::array kinds{NotificationKind::update_round_start, NotificationKind::swag_round_start,
                                 NotificationKind::model_test_round};
      garbage.kind = kinds[around_.random.below(kinds.size())];
      break;
  }
  request(garbage, true);
}

void Person::request(const Work& work, bool is_garbage) {
  plan(around_.latency(1ms, 20ms), [this, work, is_garbage] {
    const actors::RequestContext context{
        .caller = {id_, false}, .correlation = {}, .idempotency_key = work.idempotency_key};
    actors::Reply reply{[this, work, is_garbage](actors::Result<std::string> answer) {
      plan(some_time(1ms, 50ms),
           [this, work, is_garbage, answer = std::move(answer)] { answered(work, is_garbage, answer); });
    }};
    if (!server_.up()) return;  // the connection is refused: the reply is dropped, as by a broken one
    const auto blob = blob_of(work.content);
    switch (work.kind) {
      case NotificationKind::update_round_start:
        return server_.submit_update(context, work.model,
                                     {.by = context.caller,
                                      .local_model = {around_.random.uuid()},
                                      .round = work.round,
                                      .sample_size = work.sample_size,
                                      .weights = blob,
                                      .metrics = {}},
                                     std::move(reply));
      case NotificationKind::swag_round_start:
        return server_.submit_moments(context, work.model,
                                      {.by = context.caller,
                                       .round = work.round,
                                       .sample_size = work.sample_size,
                                       .first_moment = blob,
                                       .second_moment = blob_of("squares " + work.content),
                                       .form = "float32 [8]"},
                                      std::move(reply));
      default:
        return server_.report_metrics(
            context,
            {.by = context.caller,
             .model = work.model,
             .metrics = {{.name = "accuracy", .number = around_.random.uniform(), .blob = {}}}},
            std::move(reply));
    }
  });
}

void Person::answered(Work work, bool is_garbage, const actors::Result<std::string>& answer) {
  if (answer) {
    if (work.kind == NotificationKind::update_round_start) {
      auditor_.acknowledged(work.training, id_, blob_of(work.content));
    }
    return;
  }
  if (!may_be_tried_again(answer.error().reason)) {
    around_.happenings.count(is_garbage ? "garbage that was refused"
                                        : "work that came too late or was refused");
    around_.tell([&] { return "refused " + id_.text().substr(0, 4) + ": " + answer.error().message; });
    return;
  }
  if (is_garbage || ++work.attempts > attempts_max || likely(habits_.gives_up)) return;
  around_.happenings.count("requests made again after they failed");
  plan(some_time(1s, 60s), [this, work, absence = absences_] {
    if (absence == absences_ || behaves_) request(work, false);
  });
}

// --- coming and going

void Person::wander_now_and_then() {
  plan(some_time(2min, 20min), [this] {
    if (behaves_) return;
    if (!away_ && around_.random.in_percent(20)) {
      vanish();
      plan(some_time(10s, 40min), [this] { come_back(); });
    } else if (!away_ && server_.can_write() && around_.random.in_percent(10)) {
      polls_ = !polls_;
      if (server_.change_endpoint(id_, endpoint())) around_.happenings.count("endpoints changed");
    }
    wander_now_and_then();
  });
}

}  // namespace fedlog::simulation
