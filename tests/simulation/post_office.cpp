#include "tests/simulation/post_office.h"

#include "actors/settlement_message.h"

namespace fedlog::simulation {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t page = 100;

actors::DeliverySchedule::Options options() {
  return {.retry = {.first = 500ms, .max = 30s, .span = 300s},
          .concurrency = 4,
          .concurrency_per_receiver = 2,
          .poll_span = 20min};
}

}  // namespace

PostOffice::PostOffice(Surroundings& around, Agenda::Life life, const storage::Views& views, Post post,
                       Tell tell, std::function<void(const std::string&)> odd)
    : around_(around),
      life_(life),
      views_(views),
      post_(std::move(post)),
      tell_(std::move(tell)),
      odd_(std::move(odd)),
      schedule_(options()) {}

void PostOffice::outbox_grew() {
  while (true) {
    const auto rows = views_.outbox(read_up_to_, page);
    for (const auto& row : rows) {
      read_up_to_ = row.position;
      const bool dropped = around_.fault == Fault::drops_a_notification && around_.random.in_percent(20);
      if (!dropped) schedule_.add(row, around_.agenda.now());
    }
    if (rows.size() < page) break;
  }
  plan(0ms, [this] { work(); });
}

void PostOffice::fetched(domain::UserId receiver, std::uint64_t up_to_position) {
  schedule_.fetched(receiver, up_to_position);
  plan(0ms, [this] { work(); });
}

void PostOffice::endpoint_changed(domain::UserId receiver) {
  schedule_.endpoint_changed(receiver, around_.agenda.now());
  plan(0ms, [this] { work(); });
}

bool PostOffice::has(domain::UserId receiver, domain::TrainingId training) const {
  return schedule_.pending(receiver, training, around_.agenda.now(), around_.wall()).has_value();
}

void PostOffice::work() {
  const auto now = around_.agenda.now();
  while (auto step = schedule_.next(now)) {
    if (auto* settlement = std::get_if<actors::Settlement>(&*step)) {
      settle(std::move(*settlement));
    } else {
      attempt(std::get<actors::DeliverySchedule::ToAttempt>(*step).row);
    }
  }
  const auto due = schedule_.next_due();
  if (!due) return;
  if (*due <= now) return odd_("the schedule has something due and does not say what");
  if (planned_ && *planned_ > now && *planned_ <= *due) return;
  planned_ = *due;
  around_.agenda.at(*due, life_, [this] { work(); });
}

actors::Obstacle PostOffice::obstacle_to(const storage::OutboxRow& row) const {
  const auto user = views_.user(row.notification.receiver);
  if (!user || !views_.is_pending(row.position)) return actors::Obstacle::gone;
  return domain::is_polled(user->message_endpoint.text) ? actors::Obstacle::polls : actors::Obstacle::none;
}

// The row itself, unless a planted fault has a later one overtake it.
storage::OutboxRow PostOffice::to_post(const storage::OutboxRow& row) const {
  if (around_.fault == Fault::reorders_notifications) {
    for (const auto& later : views_.outbox(row.position, page)) {
      if (later.notification.receiver == row.notification.receiver &&
          later.notification.training == row.notification.training) {
        return later;
      }
    }
  }
  return row;
}

void PostOffice::attempt(const storage::OutboxRow& row) {
  if (const auto obstacle = obstacle_to(row); obstacle != actors::Obstacle::none) {
    return conclude(row, {.status = 0, .problem = {}, .obstacle = obstacle});
  }
  if (around_.fault == Fault::claims_a_delivery && around_.random.in_percent(20)) {
    return conclude(row, {.status = 200, .problem = {}, .obstacle = actors::Obstacle::none});
  }
  plan(around_.latency(1ms, 20ms), [this, row] {
    const auto answer = post_(to_post(row));
    plan(answer.took, [this, row, answer] {
      conclude(row, {.status = answer.status, .problem = answer.problem, .obstacle = actors::Obstacle::none});
    });
  });
}

void PostOffice::conclude(const storage::OutboxRow& row, const actors::Attempt& made) {
  auto settlement = schedule_.conclude(row, made, around_.agenda.now(), around_.random.uniform());
  if (settlement) settle(std::move(*settlement));
  plan(0ms, [this] { work(); });
}

// Its training is told in a moment. What comes back after the end of this life means nothing.
void PostOffice::settle(actors::Settlement settlement) {
  plan(0ms, [this, settlement = std::move(settlement)]() mutable {
    const auto training = settlement.row.notification.training;
    const auto recorded = [this, row = settlement.row] {
      plan(0ms, [this, row] {
        schedule_.recorded(row, around_.agenda.now());
        work();
      });
    };
    tell_(training, actors::settlement_message(std::move(settlement), recorded));
  });
}

}  // namespace fedlog::simulation
