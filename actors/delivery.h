#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>

#include "domain/notification.h"
#include "domain/training_events.h"
#include "storage/views.h"

namespace fedlog::actors {

// Why nothing was posted in an attempt.
enum class Obstacle {
  none,       // it was posted, or at least tried
  gone,       // no such receiver, or its training is deleted
  no_target,  // nothing that may be posted to: no URL, or a denied network; trying again does not help
  polls,      // the receiver asks for its notifications itself
};

// One attempt to deliver: the receiver's status, or 0 and why there was none.
struct Attempt {
  int status = 0;
  std::string problem;  // recorded in the log: names no part of the endpoint, and no address
  Obstacle obstacle = Obstacle::none;
  bool posted = false;       // the whole message went out
  std::string in_full = {};  // the problem with the names and addresses; empty: there are none to add
};

// What was wrong, for those who may know the endpoint.
[[nodiscard]] const std::string& full_problem(const Attempt& attempt);

// What follows from an attempt.
enum class Next {
  settle_delivered,
  settle_refused,
  settle_unreachable,
  settle_dropped,
  retry,
  wait_for_poll,
};

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

// How a delivery ended.
struct Settlement {
  storage::OutboxRow row;
  domain::DeliveryOutcome outcome = domain::DeliveryOutcome::delivered;
  int status = 0;
  int attempts = 0;
  std::string detail;
};

// How the first of the notifications that a training has for a receiver stands.
struct PendingDelivery {
  enum class State {
    waiting,    // for its next attempt
    under_way,  // it is being posted
    polled,     // for the receiver to ask for it
    settling,   // it has ended, and that is being recorded
  };
  storage::OutboxRow row;
  State state = State::waiting;
  int attempts = 0;        // made so far
  Attempt last;            // the latest of them
  std::size_t behind = 0;  // notifications of the same training for the same receiver that wait behind it
  // When waiting: of the next attempt. When polled: when the receiver counts as unreachable.
  std::optional<domain::Timestamp> until;
};

// How `notification` stands, in words, where `first` is what is delivered to its receiver right now.
[[nodiscard]] std::string progress_of(const domain::Notification& notification, const PendingDelivery& first);

// The body that receivers get.
[[nodiscard]] std::string body_of(const domain::Notification& notification);

// The body of a message that only tries an endpoint.
[[nodiscard]] std::string ping_body();

}  // namespace fedlog::actors
