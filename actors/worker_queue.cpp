#include "actors/worker_queue.h"

#include <algorithm>

namespace fedlog::actors {
namespace {

std::unexpected<ExecutionError> refused(ExecutionErrorCode code, std::string message) {
  return std::unexpected(ExecutionError{code, std::move(message)});
}

}  // namespace

void WorkerQueue::pass(const std::string& caller) {
  begin_round(enter_round(caller));
}

std::expected<WorkerQueue::Ticket, ExecutionError> WorkerQueue::enter(const std::string& caller,
                                                                      const std::string& model) {
  if (const auto own = caller.empty() ? 0 : count(caller, nullptr); own >= limits_.per_caller) {
    return refused(ExecutionErrorCode::caller_busy, std::to_string(own) +
                                                        " of your predictions wait for a model worker, as "
                                                        "many as may: send the next one later");
  }
  const auto for_model = static_cast<std::size_t>(std::ranges::count(queue_, model, &Waiting::model));
  const bool model_is_full = !model.empty() && for_model >= limits_.per_model;
  if (model_is_full || queue_.size() >= limits_.all) {
    const auto loser = who_gives_way(caller, model_is_full ? &model : nullptr);
    if (loser == queue_.end()) {
      return refused(ExecutionErrorCode::busy,
                     "all model workers are busy and " +
                         (model_is_full ? std::to_string(for_model) + " requests wait for this model"
                                        : std::to_string(queue_.size()) + " requests wait") +
                         ": try again later");
    }
    give_up(loser);
  }
  const auto ticket = next_ticket_++;
  queue_.push_back({.ticket = ticket, .round = enter_round(caller), .caller = caller, .model = model});
  return ticket;
}

std::size_t WorkerQueue::count(const std::string& caller, const std::string* model) const {
  return static_cast<std::size_t>(std::ranges::count_if(queue_, [&](const Waiting& waiting) {
    return waiting.caller == caller && (model == nullptr || waiting.model == *model);
  }));
}

WorkerQueue::Place WorkerQueue::who_gives_way(const std::string& caller, const std::string* model) {
  if (caller.empty()) return queue_.end();
  auto loser = queue_.end();
  auto most = count(caller, model) + 1;
  for (auto waiting = queue_.begin(); waiting != queue_.end(); ++waiting) {
    if (waiting->caller.empty() || (model != nullptr && waiting->model != *model)) continue;
    const auto has = count(waiting->caller, model);
    if (has < most || (loser == queue_.end() && has == most)) continue;
    most = has;
    loser = waiting;
  }
  return loser;
}

bool WorkerQueue::holds(Ticket ticket) const {
  return std::ranges::find(queue_, ticket, &Waiting::ticket) != queue_.end();
}

std::optional<WorkerQueue::Ticket> WorkerQueue::next(
    const std::function<bool(const std::string& caller)>& may_go) const {
  const Waiting* first = nullptr;
  for (const auto& waiting : queue_) {
    if (first != nullptr && first->round <= waiting.round) continue;
    if (may_go(waiting.caller)) first = &waiting;
  }
  return first == nullptr ? std::nullopt : std::optional{first->ticket};
}

void WorkerQueue::go(Ticket ticket) {
  const auto place = std::ranges::find(queue_, ticket, &Waiting::ticket);
  if (place == queue_.end()) return;
  begin_round(place->round);
  queue_.erase(place);
}

void WorkerQueue::leave(Ticket ticket) {
  const auto place = std::ranges::find(queue_, ticket, &Waiting::ticket);
  if (place != queue_.end()) give_up(place);
}

void WorkerQueue::give_up(Place place) {
  const auto caller = place->caller;
  queue_.erase(place);
  const auto known = entered_.find(caller);
  if (known == entered_.end()) return;
  known->second = round_;
  for (const auto& waiting : queue_) {
    if (waiting.caller == caller) known->second = std::max(known->second, waiting.round);
  }
}

std::uint64_t WorkerQueue::enter_round(const std::string& caller) {
  if (caller.empty()) return round_;
  const auto [known, added] = entered_.try_emplace(caller, round_);
  if (!added) ++known->second;
  return known->second;
}

void WorkerQueue::begin_round(std::uint64_t round) {
  if (round <= round_) return;
  round_ = round;
  std::erase_if(entered_, [&](const auto& entry) { return entry.second < round_; });
}

}  // namespace fedlog::actors
