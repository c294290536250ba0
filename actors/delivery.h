#pragma once

#include <chrono>
#include <string>

#include "domain/notification.h"
#include "domain/training_events.h"

namespace fedlog::actors {

// One attempt to deliver: the receiver's status, or 0 and why there was none.
struct Attempt {
  int status = 0;
  std::string problem;
};

// What follows from an attempt.
enum class Next { settle_delivered, settle_refused, retry };

// 2xx accepts. Where work is asked for, 408, 429 and 503 say "later" and any other status refuses; for the
// rest any status ends the delivery. No answer at all is tried again.
[[nodiscard]] Next next_step(domain::NotificationKind kind, const Attempt& attempt);

struct RetryPolicy {
  std::chrono::milliseconds first{500};
  std::chrono::milliseconds max{30'000};
  std::chrono::milliseconds span{300'000};  // of failing, after which the receiver counts as unreachable
};

// How long to wait after the `failures`-th failure in a row (from 1): doubling from `first` up to `max`, the
// later half of it at random. `random` is uniform in [0, 1).
[[nodiscard]] std::chrono::milliseconds wait_after(int failures, const RetryPolicy& policy, double random);

// The body that receivers get.
[[nodiscard]] std::string body_of(const domain::Notification& notification);

}  // namespace fedlog::actors
