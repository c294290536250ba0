#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "domain/fields.h"
#include "domain/identifiers.h"

namespace fedlog::domain {

enum class NotificationKind {
  training_start,
  update_round_start,
  swag_round_start,
  model_test_round,
  training_finished,
  client_removed,
};

template <>
struct Names<NotificationKind> {  // stored and sent; never rename
  static constexpr std::array all{
      std::pair{NotificationKind::training_start, std::string_view{"TRAINING_START"}},
      std::pair{NotificationKind::update_round_start, std::string_view{"UPDATE_ROUND_START"}},
      std::pair{NotificationKind::swag_round_start, std::string_view{"SWAG_ROUND_START"}},
      std::pair{NotificationKind::model_test_round, std::string_view{"MODEL_TEST_ROUND"}},
      std::pair{NotificationKind::training_finished, std::string_view{"TRAINING_FINISHED"}},
      std::pair{NotificationKind::client_removed, std::string_view{"CLIENT_REMOVED"}}};
};

// What a receiver is told. The event that requested it gives it its id.
struct Notification {
  UserId receiver;
  NotificationKind kind = NotificationKind::training_start;
  TrainingId training;
  ModelId model;
  std::optional<std::int64_t> round;       // where it means something
  std::optional<double> mu = {};           // of a round of FedProx, where the training's options set it
  std::optional<std::string> reason = {};  // why the training ended in state ERROR: then only

  static constexpr auto fields() {
    return std::tuple{field("receiver", &Notification::receiver), field("kind", &Notification::kind),
                      field("training", &Notification::training), field("model", &Notification::model),
                      field("round", &Notification::round),       field("mu", &Notification::mu),
                      field("reason", &Notification::reason)};
  }
  bool operator==(const Notification&) const = default;
};

// Whether its receiver is expected to do something, so that the training waits for it.
[[nodiscard]] constexpr bool asks_for_work(NotificationKind kind) {
  return kind == NotificationKind::update_round_start || kind == NotificationKind::swag_round_start ||
         kind == NotificationKind::model_test_round;
}

}  // namespace fedlog::domain
