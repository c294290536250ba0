#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "http/fair_queue.h"

namespace fedlog::http {

// Threads that run jobs; those of one origin in the order of submission, origins in turn. It starts a thread
// when a job finds none idle, up to `threads_max`. Jobs must not throw.
class WorkerPool {
 public:
  // Of the threads, at most `patient_max` run jobs that may wait for their client (0 < patient_max), and of
  // these at most half, or one, for one origin: the others stay free for the jobs that are quick.
  WorkerPool(std::size_t threads_max, std::size_t patient_max);
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool() { stop(); }

  enum class Kind { quick, patient };
  // False: the job will not run, since not even one thread can be started, or after stop().
  [[nodiscard]] bool submit(std::string_view origin, Kind kind, std::function<void()> job);
  // Runs what was submitted, whatever the limits on patient jobs, then ends the threads. Idempotent; not from
  // a job.
  void stop();

  [[nodiscard]] std::size_t threads() const;

 private:
  struct Taken {
    FairQueue::Entry entry;
    Kind kind;
  };
  void run();
  // For the following, `mutex_` is held.
  [[nodiscard]] std::size_t runnable() const;
  [[nodiscard]] bool may_run_patient(const std::string& origin) const;
  [[nodiscard]] std::optional<Taken> take();
  void finish(const Taken& taken);
  void wake_one();

  const std::size_t threads_max_;
  const std::size_t patient_max_;
  mutable std::mutex mutex_;
  std::condition_variable work_;
  FairQueue quick_;
  FairQueue patient_;
  // Patient jobs that run, by origin, and together.
  std::map<std::string, std::size_t, std::less<>> patient_by_origin_;
  std::size_t patient_running_ = 0;
  std::vector<std::thread> threads_;
  std::size_t idle_ = 0;
  // The next job is looked for among the patient ones first.
  bool patient_turn_ = false;
  // A thread was woken and has not run yet. It wakes the next one if jobs are left then: with short jobs few
  // threads do all of them, instead of one wake-up a job.
  bool waking_ = false;
  bool stopping_ = false;
};

}  // namespace fedlog::http
