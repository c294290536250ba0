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
      queue_(options_.queue),
      keeper_([this] { keep(); }) {}

WorkerPool::~WorkerPool() {
  stop();
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_ == 0; });
  }
  keeper_.join();
}

void WorkerPool::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  for (auto& slot : slots_) {
    if (slot.taken && slot.worker) slot.worker->interrupt();
  }
  changed_.notify_all();
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
// the one whose worker has been idle for longest, which leaves it.
WorkerPool::Slot* WorkerPool::choose_slot(const std::string& isolation_group) {
  const auto rank = [&](const Slot& slot) {
    if (slot.worker && slot.isolation_group == isolation_group) return 0;
    return slot.worker ? 2 : 1;
  };
  const auto is_better = [&](const Slot& slot, const Slot& than) {
    return std::pair(rank(slot), slot.idle_since) < std::pair(rank(than), than.idle_since);
  };
  Slot* best = nullptr;
  for (auto& slot : slots_) {
    if (!slot.taken && (best == nullptr || is_better(slot, *best))) best = &slot;
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

std::optional<WorkerQueue::Ticket> WorkerPool::next() const {
  return queue_.next([this](const std::string& caller) { return may_take_slot(caller); });
}

void WorkerPool::remember_speed(const std::string& caller, const ExecutionErrorCode* failure) {
  if (caller.empty()) return;
  std::erase(slow_callers_, caller);
  if (failure == nullptr || *failure != ExecutionErrorCode::deadline_exceeded) return;
  slow_callers_.push_back(caller);
  if (slow_callers_.size() > slow_callers_max) slow_callers_.pop_front();
}

std::expected<void, ExecutionError> WorkerPool::await_turn(std::unique_lock<std::mutex>& lock,
                                                           const ExecutionRequest& request) {
  const auto ticket = queue_.enter(request.caller, request.model);
  if (!ticket) {
    ++counters_.rejected;
    return std::unexpected(ticket.error());
  }
  // Somebody may have lost a place.
  changed_.notify_all();
  const auto deadline =
      std::chrono::steady_clock::now() +
      std::chrono::milliseconds(2 * options_.process.deadline_ms + options_.process.start_limit_ms);
  changed_.wait_until(lock, deadline,
                      [&] { return stopping_ || !queue_.holds(*ticket) || next() == *ticket; });
  if (!queue_.holds(*ticket)) {
    ++counters_.rejected;
    return busy("others wait as well, and of all of them you had the most requests: try again later");
  }
  const bool turn = next() == *ticket;
  turn ? queue_.go(*ticket) : queue_.leave(*ticket);
  changed_.notify_all();
  if (turn || stopping_) return {};
  return busy("no model worker became free in time: try again later");
}

std::expected<WorkerPool::Slot*, ExecutionError> WorkerPool::take_slot(std::unique_lock<std::mutex>& lock,
                                                                       const ExecutionRequest& request) {
  if (!next() && may_take_slot(request.caller)) {
    queue_.pass(request.caller);
  } else if (auto turn = await_turn(lock, request); !turn) {
    return std::unexpected(std::move(turn.error()));
  }
  if (stopping_) return busy("the server is stopping");
  Slot* slot = choose_slot(request.isolation_group);
  slot->taken = true;
  slot->caller = request.caller;
  return slot;
}

std::vector<std::unique_ptr<WorkerProcess>> WorkerPool::change_worker(Slot& slot,
                                                                      const std::string& isolation_group) {
  std::vector<std::unique_ptr<WorkerProcess>> useless;
  if (slot.worker && slot.isolation_group != isolation_group && slot.worker->usable()) {
    spares_.push_back({.worker = std::move(slot.worker),
                       .isolation_group = std::move(slot.isolation_group),
                       .idle_since = slot.idle_since});
  } else if (slot.worker) {
    useless.push_back(std::move(slot.worker));
  }
  slot.isolation_group = isolation_group;
  while (!slot.worker) {
    const auto own = std::ranges::find(spares_, isolation_group, &Spare::isolation_group);
    if (own == spares_.end()) break;
    auto worker = std::move(own->worker);
    spares_.erase(own);
    if (worker->usable()) {
      slot.worker = std::move(worker);
    } else {
      useless.push_back(std::move(worker));
    }
  }
  while (spares_.size() > options_.spares) {
    const auto oldest = std::ranges::min_element(spares_, {}, &Spare::idle_since);
    useless.push_back(std::move(oldest->worker));
    spares_.erase(oldest);
  }
  return useless;
}

std::expected<void, ExecutionError> WorkerPool::provide_worker(std::unique_lock<std::mutex>& lock, Slot& slot,
                                                               const std::string& isolation_group) {
  if (slot.worker && slot.isolation_group == isolation_group && slot.worker->usable()) return {};
  if (auto useless = change_worker(slot, isolation_group); !useless.empty()) {
    lock.unlock();
    useless.clear();
    lock.lock();
  }
  if (slot.worker) return {};
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
  counters.workers = spares_.size() + static_cast<std::size_t>(std::ranges::count_if(
                                          slots_, [](const Slot& slot) { return slot.worker != nullptr; }));
  counters.waiting = queue_.size();
  return counters;
}

void WorkerPool::end_idle_workers() {
  std::vector<std::unique_ptr<WorkerProcess>> idle;
  const std::lock_guard lock(mutex_);
  const auto is_over = [&](std::chrono::steady_clock::time_point idle_since) {
    return clock_() - idle_since >= std::chrono::seconds(options_.idle_exit_s);
  };
  for (auto& slot : slots_) {
    if (!slot.taken && slot.worker && is_over(slot.idle_since)) idle.push_back(std::move(slot.worker));
  }
  const auto first_over =
      std::ranges::partition(spares_, [&](const Spare& spare) { return !is_over(spare.idle_since); });
  for (auto& spare : first_over) idle.push_back(std::move(spare.worker));
  spares_.erase(first_over.begin(), first_over.end());
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
