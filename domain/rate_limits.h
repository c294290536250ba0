#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "domain/rejection.h"

namespace fedlog::domain {

// How often something may happen to each of many keys (addresses, names, users): so many times at once, and
// as many again spread over each minute. At most `keys_max` keys are known; one more displaces the one that
// was used longest ago. The caller tells the (monotonic) time. Not for several threads at once.
class RateLimits {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // `per_minute` 0: no limit.
  RateLimits(std::int64_t per_minute, std::size_t keys_max)
      : per_minute_(static_cast<double>(per_minute)), keys_max_(keys_max) {}

  // How long until it may happen once more, rounded up; zero: now.
  [[nodiscard]] std::chrono::seconds wait(std::string_view key, Time now) const;

  // The same, and counts one if it may happen now.
  [[nodiscard]] std::chrono::seconds take(std::string_view key, Time now);

  [[nodiscard]] std::size_t keys() const { return by_use_.size(); }

 private:
  struct Allowance {
    std::string key;
    double left = 0;  // as of `at`
    Time at;
  };
  using ByUse = std::list<Allowance>;  // the longest unused last

  [[nodiscard]] double left_of(const Allowance& allowance, Time now) const;
  [[nodiscard]] std::chrono::seconds until_one_is_left(double left) const;
  [[nodiscard]] Allowance& used(std::string_view key, Time now);

  double per_minute_;
  std::size_t keys_max_;
  ByUse by_use_;
  std::unordered_map<std::string_view, ByUse::iterator> by_key_;  // views of the keys in `by_use_`
};

// With DRF's text.
[[nodiscard]] Rejection throttled(std::chrono::seconds wait);

}  // namespace fedlog::domain
