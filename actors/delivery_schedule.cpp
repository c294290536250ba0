#include "actors/delivery_schedule.h"

#include <algorithm>
#include <utility>

namespace fedlog::actors {
namespace {

using State = PendingDelivery::State;

bool is_waiting(State state) {
  return state == State::waiting || state == State::polled;
}

// `lane` is one of the schedule's.
Settlement settle(const auto& lane, domain::DeliveryOutcome outcome, std::string detail = {}) {
  return {.row = lane.rows.front().row,
          .outcome = outcome,
          .status = lane.last.status,
          .attempts = lane.attempts,
          .detail = std::move(detail)};
}

Settlement settle_fetched(const auto& lane) {
  auto settlement = settle(lane, domain::DeliveryOutcome::delivered, "fetched by the receiver");
  settlement.status = 0;  // what was answered to an attempt before does not count any more
  return settlement;
}

}  // namespace

void DeliverySchedule::add(const storage::OutboxRow& row, Instant now) {
  last_added_ = std::max(last_added_, row.position);
  const auto id = row.notification.receiver;
  const auto training = row.notification.training;
  auto& receiver = receiver_of(id);
  auto& lane = receiver.lanes[training];
  lane.rows.push_back({row, now});
  if (lane.rows.size() > 1) return;
  wait(receiver, training, State::waiting, now);
  give_turn(id, receiver);
}

std::optional<DeliverySchedule::Step> DeliverySchedule::next(Instant now) {
  if (!settlements_.empty()) {
    Step step = std::move(settlements_.front());
    settlements_.pop_front();
    return step;
  }
  const auto turn = turns_.next();
  if (!turn || turn->first > now) return std::nullopt;
  const auto id = turn->second;
  auto& receiver = receivers_.at(id);
  const auto training = receiver.due.begin()->second;
  auto& lane = receiver.lanes.at(training);
  stop_waiting(receiver, training, State::under_way);
  lane.slot = turns_.begin(id);
  ++receiver.under_way;
  give_turn(id, receiver);
  return ToAttempt{lane.rows.front().row};
}

std::optional<DeliverySchedule::Instant> DeliverySchedule::next_due() const {
  if (!settlements_.empty()) return Instant::min();
  const auto turn = turns_.next();
  return turn ? std::optional{turn->first} : std::nullopt;
}

std::optional<Settlement> DeliverySchedule::conclude(const storage::OutboxRow& row, const Attempt& made,
                                                     Instant now, double random) {
  const auto id = row.notification.receiver;
  auto& receiver = receivers_.at(id);
  auto& lane = receiver.lanes.at(row.notification.training);
  --receiver.under_way;
  turns_.end(lane.slot);
  auto settlement = follow(receiver, row.notification.training, made, now, random);
  if (settlement) lane.state = State::settling;
  give_turn(id, receiver);
  return settlement;
}

void DeliverySchedule::recorded(const storage::OutboxRow& row, Instant now) {
  const auto id = row.notification.receiver;
  const auto training = row.notification.training;
  auto& receiver = receivers_.at(id);
  auto rows = std::move(receiver.lanes.at(training).rows);
  rows.pop_front();
  receiver.lanes.erase(training);
  if (!rows.empty()) {
    receiver.lanes[training].rows = std::move(rows);
    wait(receiver, training, State::waiting, now);
    settle_if_fetched(receiver, training);
    give_turn(id, receiver);
  } else if (receiver.lanes.empty() && !receiver.silence && !receiver.answers) {
    receivers_.erase(id);
  }
}

void DeliverySchedule::fetched(domain::UserId receiver_id, std::uint64_t up_to_position) {
  const auto found = receivers_.find(receiver_id);
  if (found == receivers_.end()) return;
  auto& receiver = found->second;
  // No position is believed that nothing was requested at: what comes later has not been fetched.
  receiver.fetched_up_to = std::max(receiver.fetched_up_to, std::min(up_to_position, last_added_));
  for (const auto& [training, lane] : receiver.lanes) settle_if_fetched(receiver, training);
  give_turn(receiver_id, receiver);
}

void DeliverySchedule::endpoint_changed(domain::UserId receiver_id, Instant now) {
  const auto found = receivers_.find(receiver_id);
  if (found == receivers_.end()) return;
  auto& receiver = found->second;
  receiver.place = place_of(receiver_id);
  receiver.silence.reset();
  receiver.answers = false;
  if (receiver.followed_move <= now) {
    receiver.followed_move = std::max(now, receiver.followed_move + options_.move_pause);
  }
  for (auto& [training, lane] : receiver.lanes) {
    lane.failures = 0;
    lane.moved = lane.state == State::under_way;
    if (!is_waiting(lane.state)) continue;
    const auto due = std::min(lane.due, receiver.followed_move);
    stop_waiting(receiver, training, State::waiting);
    wait(receiver, training, State::waiting, due);
  }
  give_turn(receiver_id, receiver);
}

std::optional<PendingDelivery> DeliverySchedule::pending(domain::UserId receiver_id,
                                                         domain::TrainingId training, Instant now,
                                                         domain::Timestamp wall) const {
  const auto receiver = receivers_.find(receiver_id);
  if (receiver == receivers_.end()) return std::nullopt;
  const auto found = receiver->second.lanes.find(training);
  if (found == receiver->second.lanes.end()) return std::nullopt;
  const auto& lane = found->second;
  PendingDelivery pending{.row = lane.rows.front().row,
                          .state = lane.state,
                          .attempts = lane.attempts,
                          .last = lane.last,
                          .behind = lane.rows.size() - 1,
                          .until = {}};
  if (is_waiting(lane.state)) {
    const auto left = std::chrono::ceil<std::chrono::microseconds>(std::max(lane.due, now) - now);
    pending.until = domain::Timestamp{wall.microseconds + left.count()};
  }
  return pending;
}

DeliverySchedule::Receiver& DeliverySchedule::receiver_of(domain::UserId id) {
  const auto [found, is_new] = receivers_.try_emplace(id);
  if (is_new) found->second.place = place_of(id);
  return found->second;
}

std::string DeliverySchedule::place_of(domain::UserId id) const {
  auto place = options_.place_of ? options_.place_of(id) : std::string{};
  return place.empty() ? id.text() : place;
}

// Puts the receiver where it belongs after anything about it has changed.
void DeliverySchedule::give_turn(domain::UserId id, const Receiver& receiver) {
  if (receiver.due.empty() || receiver.under_way >= options_.concurrency_per_receiver) {
    turns_.withdraw(id);
    return;
  }
  const auto standing = receiver.silence   ? DeliveryTurns::Standing::silent
                        : receiver.answers ? DeliveryTurns::Standing::answers
                                           : DeliveryTurns::Standing::unknown;
  turns_.queue(id, receiver.due.begin()->first, standing, receiver.place);
}

void DeliverySchedule::wait(Receiver& receiver, domain::TrainingId training, State state, Instant due) {
  auto& lane = receiver.lanes.at(training);
  lane.state = state;
  lane.due = due;
  receiver.due.emplace(due, training);
}

void DeliverySchedule::stop_waiting(Receiver& receiver, domain::TrainingId training, State state) {
  auto& lane = receiver.lanes.at(training);
  receiver.due.erase({lane.due, training});
  lane.state = state;
}

void DeliverySchedule::settle_if_fetched(Receiver& receiver, domain::TrainingId training) {
  const auto& lane = receiver.lanes.at(training);
  if (!is_waiting(lane.state) || lane.rows.front().row.position > receiver.fetched_up_to) return;
  stop_waiting(receiver, training, State::settling);
  settlements_.push_back(settle_fetched(lane));
}

void DeliverySchedule::note_silence(Receiver& receiver, const Attempt& made, Instant now) const {
  receiver.answers = made.status != 0 || made.obstacle != Obstacle::none;
  if (receiver.answers) {
    receiver.silence.reset();
    return;
  }
  // Where nothing was tried for long, the silence before says nothing about now.
  if (!receiver.silence || now - receiver.silence->last > options_.retry.span) receiver.silence = {now, now};
  receiver.silence->last = now;
}

std::optional<Settlement> DeliverySchedule::follow(Receiver& receiver, domain::TrainingId training,
                                                   const Attempt& made, Instant now, double random) {
  auto& lane = receiver.lanes.at(training);
  lane.last = made;
  if (made.obstacle == Obstacle::none) ++lane.attempts;
  const bool moved = std::exchange(lane.moved, false);
  if (!moved) note_silence(receiver, made, now);
  const auto& row = lane.rows.front().row;
  const auto step = next_step(row.notification.kind, made);
  if (step == Next::settle_delivered) return settle(lane, domain::DeliveryOutcome::delivered);
  if (step == Next::settle_dropped) return settle(lane, domain::DeliveryOutcome::dropped, made.problem);
  if (step == Next::settle_refused && !moved) return settle(lane, domain::DeliveryOutcome::refused);
  if (row.position <= receiver.fetched_up_to) return settle_fetched(lane);
  if (moved) {  // this was about where the receiver is no more
    lane.last = {.status = 0, .problem = "the endpoint was changed meanwhile"};
    wait(receiver, training, State::waiting, std::max(now, receiver.followed_move));
    return std::nullopt;
  }
  if (made.obstacle == Obstacle::no_target) {
    return settle(lane, domain::DeliveryOutcome::unreachable, made.problem);
  }
  return made.obstacle == Obstacle::polls ? wait_for_poll(receiver, training, now)
                                          : try_again(receiver, training, now, random);
}

std::optional<Settlement> DeliverySchedule::try_again(Receiver& receiver, domain::TrainingId training,
                                                      Instant now, double random) const {
  auto& lane = receiver.lanes.at(training);
  if (++lane.failures == 1) lane.failing_since = now;
  // What comes while a receiver does not answer gets no whole span of its own.
  const auto since =
      receiver.silence ? std::min(lane.failing_since, receiver.silence->since) : lane.failing_since;
  if (const auto end = since + options_.retry.span; now < end) {
    const auto due = now + wait_after(lane.failures, options_.retry, random);
    wait(receiver, training, State::waiting, std::min<Instant>(due, end));
    return std::nullopt;
  }
  return settle(lane, domain::DeliveryOutcome::unreachable,
                lane.last.status == 0 ? "no answer (" + lane.last.problem + ")"
                                      : "it kept answering " + std::to_string(lane.last.status));
}

std::optional<Settlement> DeliverySchedule::wait_for_poll(Receiver& receiver, domain::TrainingId training,
                                                          Instant now) const {
  auto& lane = receiver.lanes.at(training);
  const auto until = lane.rows.front().added + options_.poll_span;
  if (now < until) {
    wait(receiver, training, State::polled, until);
    return std::nullopt;
  }
  const auto span_s = std::chrono::duration_cast<std::chrono::seconds>(options_.poll_span).count();
  return settle(lane, domain::DeliveryOutcome::unreachable,
                "it did not ask for its notifications within " + std::to_string(span_s) + " s");
}

}  // namespace fedlog::actors
