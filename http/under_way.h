#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace fedlog::http {

// How many requests are under way, and the wait for the last one. Any thread.
class UnderWay {
 public:
  void add() { ++count_; }
  void remove() {
    if (--count_ > 0) return;
    const std::scoped_lock lock{mutex_};
    none_.notify_all();
  }
  // False: some still are.
  [[nodiscard]] bool wait_for_none(std::chrono::milliseconds patience) {
    std::unique_lock lock{mutex_};
    return none_.wait_for(lock, patience, [this] { return count_ == 0; });
  }

 private:
  std::atomic<std::size_t> count_ = 0;
  std::mutex mutex_;
  std::condition_variable none_;
};

}  // namespace fedlog::http
