#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "actors/password_hashing.h"

namespace fedlog::actors::testing {

// Hashes at once, by putting a word before the password, and lets a test hold all that verify.
class ControlledHashing final : public PasswordHashing {
 public:
  std::string hash(std::string_view password) const override { return "hash of " + std::string(password); }

  bool matches(const std::string& encoded, std::string_view password) const override {
    ++begun;
    std::unique_lock lock{mutex_};
    ++inside_;
    inside_max_ = std::max(inside_max_, inside_);
    opened_.wait(lock, [&] { return open_; });
    --inside_;
    return encoded == hash(password);
  }

  void hold() {
    const std::lock_guard lock{mutex_};
    open_ = false;
  }
  void let_go() {
    {
      const std::lock_guard lock{mutex_};
      open_ = true;
    }
    opened_.notify_all();
  }
  // How many verified at the same time, at most.
  int inside_max() const {
    const std::lock_guard lock{mutex_};
    return inside_max_;
  }

  mutable std::atomic<int> begun = 0;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable opened_;
  mutable int inside_ = 0;
  mutable int inside_max_ = 0;
  bool open_ = true;
};

// A monotonic clock that a test moves.
struct MovedClock {
  std::chrono::steady_clock::time_point now{std::chrono::hours{1}};
};

// Until another thread has come so far; it does so by itself.
template <class Condition>
void await(const Condition& condition) {
  while (!condition()) std::this_thread::yield();
}

}  // namespace fedlog::actors::testing
