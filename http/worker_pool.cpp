#include "http/worker_pool.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace fedlog::http {

WorkerPool::WorkerPool(std::size_t threads_max, std::size_t patient_max)
    : threads_max_(threads_max), patient_max_(patient_max) {}

bool WorkerPool::submit(std::string_view origin, Kind kind, std::function<void()> job) {
  const std::scoped_lock lock{mutex_};
  if (stopping_) return false;
  auto& queue = kind == Kind::quick ? quick_ : patient_;
  queue.push(origin, std::move(job));
  if (runnable() > idle_ && threads_.size() < threads_max_) {
    try {
      threads_.emplace_back([this] { run(); });
    } catch (const std::system_error&) {
      // The system has no more threads now: those that run will get to it.
      if (threads_.empty()) {
        static_cast<void>(queue.pop([](const std::string&) { return true; }));
        return false;
      }
    }
  }
  wake_one();
  return true;
}

std::size_t WorkerPool::runnable() const {
  const auto patient_left = patient_max_ - std::min(patient_max_, patient_running_);
  return quick_.size() + std::min(patient_.size(), patient_left);
}

bool WorkerPool::may_run_patient(const std::string& origin) const {
  if (stopping_) return true;
  if (patient_running_ >= patient_max_) return false;
  const auto running = patient_by_origin_.find(origin);
  return running == patient_by_origin_.end() || running->second < std::max<std::size_t>(patient_max_ / 2, 1);
}

std::optional<WorkerPool::Taken> WorkerPool::take() {
  patient_turn_ = !patient_turn_;
  for (const bool patient : {patient_turn_, !patient_turn_}) {
    auto entry = patient ? patient_.pop([this](const std::string& origin) { return may_run_patient(origin); })
                         : quick_.pop([](const std::string&) { return true; });
    if (!entry) continue;
    if (patient) {
      ++patient_running_;
      ++patient_by_origin_[entry->origin];
    }
    return Taken{std::move(*entry), patient ? Kind::patient : Kind::quick};
  }
  return std::nullopt;
}

void WorkerPool::finish(const Taken& taken) {
  if (taken.kind == Kind::quick) return;
  --patient_running_;
  const auto running = patient_by_origin_.find(taken.entry.origin);
  if (--running->second == 0) patient_by_origin_.erase(running);
}

void WorkerPool::wake_one() {
  if (runnable() == 0 || idle_ == 0 || waking_) return;
  waking_ = true;
  work_.notify_one();
}

void WorkerPool::run() {
  std::unique_lock lock{mutex_};
  while (true) {
    ++idle_;
    auto taken = take();
    while (!taken && !stopping_) {
      work_.wait(lock);
      waking_ = false;
      taken = take();
    }
    --idle_;
    if (!taken) return;
    wake_one();
    lock.unlock();
    taken->entry.job();
    taken->entry.job = nullptr;
    lock.lock();
    finish(*taken);
  }
}

void WorkerPool::stop() {
  std::vector<std::thread> threads;
  {
    const std::scoped_lock lock{mutex_};
    stopping_ = true;
    threads.swap(threads_);
  }
  work_.notify_all();
  for (auto& thread : threads) thread.join();
}

std::size_t WorkerPool::threads() const {
  const std::scoped_lock lock{mutex_};
  return threads_.size();
}

}  // namespace fedlog::http
