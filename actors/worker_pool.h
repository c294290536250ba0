#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "actors/execution_request.h"
#include "actors/worker_process.h"
#include "actors/worker_queue.h"

namespace fedlog::actors {

struct WorkerPoolOptions {
  WorkerProcessOptions process;
  std::size_t slots = 2;      // workers that run at the same time, at most
  std::size_t spares = 2;     // workers that are kept beside them, at most, until their group asks again
  WorkerQueue::Limits queue;  // requests that wait for a worker; each keeps its thread
  std::int64_t idle_exit_s = 60;
};

struct WorkerPoolCounters {
  std::uint64_t started = 0;  // workers, since the pool exists
  std::uint64_t lost = 0;     // workers that crashed, hung, or answered nonsense
  std::uint64_t rejected =
      0;                    // requests, because the queue was full, or their part of it, or had to be shared
  std::size_t workers = 0;  // now
  std::size_t waiting = 0;  // now
};

// Model workers, started when they are needed and ended when they are idle. A request costs at most its own
// worker: the next one gets a new worker. A worker that has to leave its slot to another group is a spare for
// a while, so that groups which take turns need no new process for each request.
//
// Those who wait take turns by caller, not by arrival, so that one caller's many or endless requests delay
// another's by one turn (see WorkerQueue). Where there are several workers, callers whose last request ran
// into its deadline never have all of them at once.
//
// Thread-safe. run() blocks: call it from a thread that may (a detached actor). The destructor stops, and
// returns when all requests have left.
class WorkerPool {
 public:
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  explicit WorkerPool(WorkerPoolOptions options, Clock clock = std::chrono::steady_clock::now);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Waits for its turn (at most as long as two others' requests, and the start of their worker, can take),
  // then for the outputs (at most one deadline of its own, and the start of a worker).
  [[nodiscard]] std::expected<std::vector<ml::Tensor>, ExecutionError> run(const ExecutionRequest& request);

  // Fails the requests that are waiting or running, soon, and all that come later.
  void stop();

  [[nodiscard]] WorkerPoolCounters counters() const;

  // Ends the workers that have been idle for long enough. Happens by itself; for tests that set the clock.
  void end_idle_workers();

 private:
  struct Slot {
    std::unique_ptr<WorkerProcess> worker;
    std::string isolation_group;
    bool taken = false;
    std::string caller;         // of the request that took it
    bool wants_worker = false;  // the keeper shall start one
    std::string start_failure;
    std::chrono::steady_clock::time_point idle_since;
  };

  struct Spare {
    std::unique_ptr<WorkerProcess> worker;
    std::string isolation_group;
    std::chrono::steady_clock::time_point idle_since;
  };

  Slot* choose_slot(const std::string& isolation_group);
  // Whether a slot is free, and for this caller.
  bool may_take_slot(const std::string& caller) const;
  bool is_slow(const std::string& caller) const;
  // Whose turn it is; nothing when nobody of those who wait may take a slot now.
  std::optional<WorkerQueue::Ticket> next() const;
  void remember_speed(const std::string& caller, const ExecutionErrorCode* failure);
  std::expected<Slot*, ExecutionError> take_slot(std::unique_lock<std::mutex>& lock,
                                                 const ExecutionRequest& request);
  std::expected<void, ExecutionError> await_turn(std::unique_lock<std::mutex>& lock,
                                                 const ExecutionRequest& request);
  // The slot's worker becomes that of the group, if there is one; returns those that are of no use any more.
  std::vector<std::unique_ptr<WorkerProcess>> change_worker(Slot& slot, const std::string& isolation_group);
  std::expected<void, ExecutionError> provide_worker(std::unique_lock<std::mutex>& lock, Slot& slot,
                                                     const std::string& isolation_group);
  void give_slot_back(std::unique_lock<std::mutex>& lock, Slot& slot);
  void keep();

  const WorkerPoolOptions options_;
  const Clock clock_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Slot> slots_;
  std::vector<Spare> spares_;
  WorkerQueue queue_;
  std::deque<std::string> slow_callers_;  // whose last request ran into its deadline
  std::size_t inside_ = 0;                // requests that have not left run()
  bool stopping_ = false;
  WorkerPoolCounters counters_;
  // Starts every worker, because a worker ends with the thread that started it.
  std::thread keeper_;
};

}  // namespace fedlog::actors
