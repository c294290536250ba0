#include "http/worker_pool.h"

#include <system_error>
#include <utility>

namespace fedlog::http {

bool WorkerPool::submit(std::function<void()> job) {
  const std::scoped_lock lock{mutex_};
  if (stopping_) return false;
  if (jobs_.size() >= idle_ && threads_.size() < threads_max_) {
    try {
      threads_.emplace_back([this] { run(); });
    } catch (const std::system_error&) {
      // The system has no more threads now: those that run will get to it.
      if (threads_.empty()) return false;
    }
  }
  jobs_.push_back(std::move(job));
  wake_one();
  return true;
}

void WorkerPool::wake_one() {
  if (jobs_.empty() || idle_ == 0 || waking_) return;
  waking_ = true;
  work_.notify_one();
}

void WorkerPool::run() {
  std::unique_lock lock{mutex_};
  while (true) {
    ++idle_;
    while (jobs_.empty() && !stopping_) {
      work_.wait(lock);
      waking_ = false;
    }
    --idle_;
    if (jobs_.empty()) return;
    const auto job = std::move(jobs_.front());
    jobs_.pop_front();
    wake_one();
    lock.unlock();
    job();
    lock.lock();
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
