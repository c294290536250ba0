#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace fedlog::actors::testing {

// A value that other threads change and a test waits for. It fails the test rather than wait for ever.
template <class T>
class Watched {
 public:
  template <class Change>
  void change(const Change& change) {
    const std::lock_guard lock{mutex_};
    change(value_);
    changed_.notify_all();
  }

  // The value once `condition` holds.
  template <class Condition>
  T wait(const Condition& condition) {
    std::unique_lock lock{mutex_};
    const bool came = changed_.wait_for(lock, std::chrono::seconds{30}, [&] { return condition(value_); });
    EXPECT_TRUE(came) << "what the test waits for does not happen";
    return value_;
  }

  [[nodiscard]] T value() {
    const std::lock_guard lock{mutex_};
    return value_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  T value_{};
};

}  // namespace fedlog::actors::testing
