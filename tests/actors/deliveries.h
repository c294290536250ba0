#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "actors/delivery_schedule.h"
#include "tests/actors/trainings.h"

namespace fedlog::actors::testing {

inline const Attempt accepted{.status = 200, .problem = {}, .obstacle = Obstacle::none, .posted = true};
inline const Attempt later{.status = 503, .problem = {}};
inline const Attempt no_answer{.status = 0, .problem = "nobody answers"};
inline const Attempt polls{.status = 0, .problem = {}, .obstacle = Obstacle::polls};

// A schedule at an instant that a test chooses.
class Deliveries : public ::testing::Test {
 protected:
  static DeliverySchedule::Options options() {
    return {.retry = {.first = std::chrono::milliseconds{1'000},
                      .max = std::chrono::seconds{8},
                      .span = std::chrono::seconds{60}},
            .concurrency = 8,
            .concurrency_per_receiver = 2,
            .poll_span = std::chrono::seconds{600}};
  }

  void use(DeliverySchedule::Options changed) { schedule.emplace(changed); }

  storage::OutboxRow add(std::uint8_t user, std::uint8_t training,
                         domain::NotificationKind kind = domain::NotificationKind::update_round_start) {
    storage::OutboxRow row;
    row.position = ++position;
    row.notification = {.receiver = user_id(user),
                        .kind = kind,
                        .training = training_id(training),
                        .model = model_id(1),
                        .round = {}};
    schedule->add(row, now);
    return row;
  }

  // The position of what is to be posted now; 0: nothing.
  std::uint64_t next() {
    const auto step = schedule->next(now);
    if (!step) return 0;
    rows[std::get<DeliverySchedule::ToAttempt>(*step).row.position] =
        std::get<DeliverySchedule::ToAttempt>(*step).row;
    return std::get<DeliverySchedule::ToAttempt>(*step).row.position;
  }

  std::vector<std::uint64_t> all_next() {
    std::vector<std::uint64_t> positions;
    while (const auto made = next()) positions.push_back(made);
    return positions;
  }

  std::optional<Settlement> conclude(std::uint64_t which, const Attempt& made, double random = 0.5) {
    return schedule->conclude(rows.at(which), made, now, random);
  }

  // As if its settlement were durable at once.
  void finish(std::uint64_t which, const Attempt& made = accepted) {
    const auto settlement = conclude(which, made);
    ASSERT_TRUE(settlement.has_value());
    schedule->recorded(settlement->row, now);
  }

  std::optional<Settlement> next_settlement() {
    const auto step = schedule->next(now);
    if (!step || !std::holds_alternative<Settlement>(*step)) return std::nullopt;
    return std::get<Settlement>(*step);
  }

  std::chrono::milliseconds until_due() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(schedule->next_due().value() - now);
  }

  std::optional<PendingDelivery> pending(std::uint8_t user, std::uint8_t training) {
    return schedule->pending(user_id(user), training_id(training), now, {1'000'000});
  }

  std::optional<DeliverySchedule> schedule{options()};
  std::map<std::uint64_t, storage::OutboxRow> rows;
  std::uint64_t position = 0;
  DeliverySchedule::Instant now{std::chrono::seconds{1'000}};
};

}  // namespace fedlog::actors::testing
