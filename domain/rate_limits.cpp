#include "domain/rate_limits.h"

#include <algorithm>
#include <cmath>

namespace fedlog::domain {

using std::chrono::seconds;

double RateLimits::left_of(const Allowance& allowance, Time now) const {
  const std::chrono::duration<double, std::chrono::minutes::period> passed = now - allowance.at;
  return std::min(per_minute_, allowance.left + std::max(0.0, passed.count()) * per_minute_);
}

seconds RateLimits::until_one_is_left(double left) const {
  if (left >= 1) return seconds{0};
  return seconds{std::max<std::int64_t>(1, std::llround(std::ceil((1 - left) * 60 / per_minute_)))};
}

seconds RateLimits::wait(std::string_view key, Time now) const {
  const auto found = by_key_.find(key);
  if (per_minute_ == 0 || found == by_key_.end()) return seconds{0};
  return until_one_is_left(left_of(*found->second, now));
}

seconds RateLimits::take(std::string_view key, Time now) {
  if (per_minute_ == 0) return seconds{0};
  auto& allowance = used(key, now);
  allowance.left = left_of(allowance, now);
  allowance.at = std::max(allowance.at, now);
  const auto wait = until_one_is_left(allowance.left);
  if (wait == seconds{0}) allowance.left -= 1;
  return wait;
}

RateLimits::Allowance& RateLimits::used(std::string_view key, Time now) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) {
    by_use_.splice(by_use_.begin(), by_use_, found->second);
    return by_use_.front();
  }
  if (by_use_.size() >= keys_max_ && !by_use_.empty()) {
    by_key_.erase(by_use_.back().key);
    by_use_.pop_back();
  }
  by_use_.push_front({.key = std::string(key), .left = per_minute_, .at = now});
  by_key_.emplace(by_use_.front().key, by_use_.begin());
  return by_use_.front();
}

Rejection throttled(seconds wait) {
  const auto count = std::max<std::int64_t>(1, wait.count());
  return {.reason = Reason::throttled,
          .message = "Request was throttled. Expected available in " + std::to_string(count) +
                     (count == 1 ? " second." : " seconds."),
          .field = {},
          .retry_after_s = count};
}

}  // namespace fedlog::domain
