#include "actors/delivery.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace fedlog::actors {

const std::string& full_problem(const Attempt& attempt) {
  return attempt.in_full.empty() ? attempt.problem : attempt.in_full;
}

Next next_step(domain::NotificationKind kind, const Attempt& attempt) {
  switch (attempt.obstacle) {
    case Obstacle::none:
      break;
    case Obstacle::gone:
      return Next::settle_dropped;
    case Obstacle::no_target:
      return Next::settle_unreachable;
    case Obstacle::polls:
      return Next::wait_for_poll;
  }
  if (attempt.status == 0) return Next::retry;
  if (attempt.status >= 200 && attempt.status < 300) return Next::settle_delivered;
  const bool later = attempt.status == 408 || attempt.status == 429 || attempt.status == 503;
  return later && domain::asks_for_work(kind) ? Next::retry : Next::settle_refused;
}

std::chrono::milliseconds wait_after(int failures, const RetryPolicy& policy, double random) {
  const double doubled = static_cast<double>(policy.first.count()) * std::exp2(std::min(failures - 1, 30));
  const double whole = std::min(doubled, static_cast<double>(policy.max.count()));
  return std::chrono::milliseconds{static_cast<std::int64_t>(whole / 2 + whole / 2 * random)};
}

std::string progress_of(const domain::Notification& notification, const PendingDelivery& first) {
  if (first.row.notification != notification) {
    return "it waits behind " + std::string{domain::name_of(first.row.notification.kind)} + ": " +
           progress_of(first.row.notification, first);
  }
  switch (first.state) {
    case PendingDelivery::State::under_way:
      return "attempt " + std::to_string(first.attempts + 1) + " is being made";
    case PendingDelivery::State::polled:
      return "its receiver has to ask for it, until " + first.until.value_or(domain::Timestamp{}).text();
    case PendingDelivery::State::settling:
      return "its outcome is being recorded";
    case PendingDelivery::State::waiting:
      break;
  }
  if (first.attempts == 0) return "the first attempt is waiting for its turn";
  const auto why =
      first.last.status == 0 ? full_problem(first.last) : "answered " + std::to_string(first.last.status);
  return std::to_string(first.attempts) + (first.attempts == 1 ? " attempt" : " attempts") + " failed (" +
         why + "), the next is at " + first.until.value_or(domain::Timestamp{}).text();
}

std::string body_of(const domain::Notification& notification) {
  nlohmann::ordered_json body;
  if (notification.round) body["round"] = *notification.round;
  body["global_model_uuid"] = notification.model.text();
  if (notification.mu) body["x_mu"] = *notification.mu;
  if (notification.reason) {
    body["x_state"] = "E";
    body["x_reason"] = *notification.reason;
  }
  return nlohmann::ordered_json{{"notification_type", domain::name_of(notification.kind)},
                                {"body", std::move(body)},
                                {"training_uuid", notification.training.text()}}
      .dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string ping_body() {
  return nlohmann::ordered_json{
      {"notification_type", "PING"}, {"body", nlohmann::ordered_json::object()}, {"training_uuid", nullptr}}
      .dump();
}

}  // namespace fedlog::actors
