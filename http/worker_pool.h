#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace fedlog::http {

// Threads that run jobs in the order of submission. It starts a thread when a job finds none idle, up to
// `threads_max`. Jobs must not throw.
class WorkerPool {
 public:
  explicit WorkerPool(std::size_t threads_max) : threads_max_(threads_max) {}
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool() { stop(); }

  // False: the job will not run, since not even one thread can be started, or after stop().
  [[nodiscard]] bool submit(std::function<void()> job);
  // Runs what was submitted, then ends the threads. Idempotent; not from a job.
  void stop();

  [[nodiscard]] std::size_t threads() const;

 private:
  void run();
  // `mutex_` is held.
  void wake_one();

  const std::size_t threads_max_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  // A thread was woken and has not run yet. It wakes the next one if jobs are left then: with short jobs few
  // threads do all of them, instead of one wake-up a job.
  bool waking_ = false;
  bool stopping_ = false;
};

}  // namespace fedlog::http
