#include "actors/worker_pool.h"

#include <algorithm>

namespace fedlog::actors {
namespace {

// Whoever has so many accounts gets past the rule for slow callers anyway.
constexpr std::size_t slow_callers_max = 256;

std::unexpected<ExecutionError> busy(std::string message) {
  return std::unexpected(ExecutionError{ExecutionErrorCode::busy, std::move(message)});
}

// A request that throws (there is no memory for its tensors) leaves its worker in the middle of something: it
// costs that worker, not the slot.
std::expected<std::vector<ml::Tensor>, ExecutionError> executed(WorkerProcess& worker,
                                                                const ExecutionRequest& request) {
  try {
    return worker.execute(request);
  } catch (const std::exception& error) {
    worker.interrupt();
    return busy(std::string("the request ended early: ") + error.what());
  }
}

}  // namespace

WorkerPool::WorkerPool(WorkerPoolOptions options, Clock clock)
    : options_(std::move(options)),
      clock_(std::move(clock)),
      slots_(std::max<std::size_t>(options_.slots, 1)),
      keeper_([this] { keep(); }) {}

WorkerPool::~WorkerPool() {
  {
    std::unique_lock lock(mutex_);
    stopping_ = true;
    for (auto& slot : slots_) {
      if (slot.taken && slot.worker) slot.worker->interrupt();
    }
    changed_.notify_all();
    changed_.wait(lock, [&] { return inside_ == 0; });
  }
  keeper_.join();
}

std::expected<std::vector<ml::Tensor>, ExecutionError> WorkerPool::run(const ExecutionRequest& request) {
  std::unique_lock lock(mutex_);
  ++inside_;
  const auto leave = [&] {
    --inside_;
    changed_.notify_all();
  };
  auto slot = take_slot(lock, request);
  if (!slot) {
    leave();
    return std::unexpected(slot.error());
  }
  std::expected<std::vector<ml::Tensor>, ExecutionError> result;
  if (auto provided = provide_worker(lock, **slot, request.isolation_group); !provided) {
    result = std::unexpected(provided.error());
  } else {
    WorkerProcess& worker = *(*slot)->worker;
    lock.unlock();
    result = executed(worker, request);
    lock.lock();
    remember_speed(request.caller, result ? nullptr : &result.error().code);
    if (!result && stopping_) result = busy("the server is stopping");
  }
  give_slot_back(lock, **slot);
  leave();
  return result;
}

// A free slot: best with a worker of this group (which may have the model loaded), else an empty one, else
// another group's worker, which will be replaced.
WorkerPool::Slot* WorkerPool::choose_slot(const std::string& isolation_group) {
  const auto rank = [&](const Slot& slot) {
    if (slot.worker && slot.isolation_group == isolation_group) return 0;
    return slot.worker ? 2 : 1;
  };
  Slot* best = nullptr;
  for (auto& slot : slots_) {
    if (!slot.taken && (best == nullptr || rank(slot) < rank(*best))) best = &slot;
  }
  return best;
}

bool WorkerPool::is_slow(const std::string& caller) const {
  return std::ranges::find(slow_callers_, caller) != slow_callers_.end();
}

bool WorkerPool::may_take_slot(const std::string& caller) const {
  std::size_t free = 0;
  std::size_t slow = 0;
  for (const auto& slot : slots_) {
    free += slot.taken ? 0 : 1;
    slow += slot.taken && is_slow(slot.caller) ? 1 : 0;
  }
  return free > 0 && (slots_.size() == 1 || slow + 1 < slots_.size() || !is_slow(caller));
}

const WorkerPool::Waiting* WorkerPool::next() const {
  const Waiting* first = nullptr;
  for (const auto& waiting : queue_) {
    if (first != nullptr && first->round <= waiting.round) continue;
    if (may_take_slot(waiting.caller)) first = &waiting;
  }
  return first;
}

std::uint64_t WorkerPool::enter_round(const std::string& caller) {
  if (caller.empty()) return round_;
  const auto [known, added] = entered_.try_emplace(caller, round_);
  if (!added) ++known->second;
  return known->second;
}

void WorkerPool::leave_round(const std::string& caller) {
  const auto known = entered_.find(caller);
  if (known == entered_.end()) return;
  known->second = round_;
  for (const auto& waiting : queue_) {
    if (waiting.caller == caller) known->second = std::max(known->second, waiting.round);
  }
}

void WorkerPool::begin_round(std::uint64_t round) {
  if (round <= round_) return;
  round_ = round;
  std::erase_if(entered_, [&](const auto& entry) { return entry.second < round_; });
}

void WorkerPool::remember_speed(const std::string& caller, const ExecutionErrorCode* failure) {
  if (caller.empty()) return;
  std::erase(slow_callers_, caller);
  if (failure == nullptr || *failure != ExecutionErrorCode::deadline_exceeded) return;
  slow_callers_.push_back(caller);
  if (slow_callers_.size() > slow_callers_max) slow_callers_.pop_front();
}

std::expected<void, ExecutionError> WorkerPool::may_wait(const ExecutionRequest& request) const {
  if (queue_.size() >= options_.queue_limit) {
    return busy("all model workers are busy and " + std::to_string(queue_.size()) +
                " requests wait: try again later");
  }
  const auto waiting = [&](const std::string& who, std::string Waiting::* part) {
    return who.empty() ? 0 : static_cast<std::size_t>(std::ranges::count(queue_, who, part));
  };
  if (const auto count = waiting(request.caller, &Waiting::caller);
      count >= options_.queue_limit_per_caller) {
    return std::unexpected(
        ExecutionError{ExecutionErrorCode::caller_busy, std::to_string(count) +
                                                            " of your predictions wait for a model worker, "
                                                            "as many as may: send the next one later"});
  }
  if (const auto count = waiting(request.model, &Waiting::model); count >= options_.queue_limit_per_model) {
    return busy("all model workers are busy and " + std::to_string(count) +
                " requests wait for this model: try again later");
  }
  return {};
}

std::expected<WorkerPool::Slot*, ExecutionError> WorkerPool::take_slot(std::unique_lock<std::mutex>& lock,
                                                                       const ExecutionRequest& request) {
  std::uint64_t round = 0;
  if (next() == nullptr && may_take_slot(request.caller)) {
    round = enter_round(request.caller);
  } else {
    if (auto may = may_wait(request); !may) {
      ++counters_.rejected;
      return std::unexpected(std::move(may.error()));
    }
    const auto ticket = next_ticket_++;
    round = enter_round(request.caller);
    queue_.push_back({.ticket = ticket, .round = round, .caller = request.caller, .model = request.model});
    const auto deadline =
        std::chrono::steady_clock::now() +
        std::chrono::milliseconds(2 * options_.process.deadline_ms + options_.process.start_limit_ms);
    const bool turn = changed_.wait_until(lock, deadline, [&] {
      if (stopping_) return true;
      const auto* first = next();
      return first != nullptr && first->ticket == ticket;
    });
    std::erase_if(queue_, [&](const Waiting& waiting) { return waiting.ticket == ticket; });
    changed_.notify_all();
    if (!turn) {
      leave_round(request.caller);
      return busy("no model worker became free in time: try again later");
    }
  }
  if (stopping_) return busy("the server is stopping");
  begin_round(round);
  Slot* slot = choose_slot(request.isolation_group);
  slot->taken = true;
  slot->caller = request.caller;
  return slot;
}

std::expected<void, ExecutionError> WorkerPool::provide_worker(std::unique_lock<std::mutex>& lock, Slot& slot,
                                                               const std::string& isolation_group) {
  if (slot.worker && slot.isolation_group == isolation_group && slot.worker->usable()) return {};
  if (slot.worker) {
    auto unfit = std::move(slot.worker);
    lock.unlock();
    unfit.reset();
    lock.lock();
  }
  slot.isolation_group = isolation_group;
  slot.wants_worker = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return !slot.wants_worker; });
  if (stopping_) return busy("the server is stopping");
  if (slot.worker) return {};
  return std::unexpected(ExecutionError{ExecutionErrorCode::worker_unavailable, slot.start_failure});
}

void WorkerPool::give_slot_back(std::unique_lock<std::mutex>& lock, Slot& slot) {
  if (slot.worker && !slot.worker->usable()) {
    if (!slot.worker->retiring()) ++counters_.lost;
    auto ended = std::move(slot.worker);
    lock.unlock();
    ended.reset();
    lock.lock();
  }
  slot.idle_since = clock_();
  slot.taken = false;
}

WorkerPoolCounters WorkerPool::counters() const {
  const std::lock_guard lock(mutex_);
  auto counters = counters_;
  counters.workers = static_cast<std::size_t>(
      std::ranges::count_if(slots_, [](const Slot& slot) { return slot.worker != nullptr; }));
  counters.waiting = queue_.size();
  return counters;
}

void WorkerPool::end_idle_workers() {
  std::vector<std::unique_ptr<WorkerProcess>> idle;
  const std::lock_guard lock(mutex_);
  for (auto& slot : slots_) {
    if (!slot.taken && slot.worker &&
        clock_() - slot.idle_since >= std::chrono::seconds(options_.idle_exit_s)) {
      idle.push_back(std::move(slot.worker));
    }
  }
}

void WorkerPool::keep() {
  constexpr std::chrono::seconds look_around_every{1};
  std::unique_lock lock(mutex_);
  while (!stopping_ || inside_ > 0) {
    const auto wanting = std::ranges::find_if(slots_, [](const Slot& slot) { return slot.wants_worker; });
    if (wanting == slots_.end()) {
      if (changed_.wait_for(lock, look_around_every) == std::cv_status::timeout) {
        lock.unlock();
        end_idle_workers();
        lock.lock();
      }
      continue;
    }
    if (!stopping_) {
      lock.unlock();
      auto started = WorkerProcess::start(options_.process);
      lock.lock();
      if (started) {
        wanting->worker = std::move(*started);
        ++counters_.started;
        if (stopping_) wanting->worker->interrupt();
      } else {
        wanting->start_failure = started.error().message;
      }
    }
    wanting->wants_worker = false;
    changed_.notify_all();
  }
}

}  // namespace fedlog::actors
