#pragma once

#include <array>
#include <string_view>
#include <utility>

#include "domain/fields.h"

namespace fedlog::domain {

// What the API shows as a training's state, by its letter.
enum class TrainingState { initial, ongoing, swag_round, completed, error };

template <>
struct Names<TrainingState> {  // stored; never rename
  static constexpr std::array all{std::pair{TrainingState::initial, std::string_view{"I"}},
                                  std::pair{TrainingState::ongoing, std::string_view{"O"}},
                                  std::pair{TrainingState::swag_round, std::string_view{"S"}},
                                  std::pair{TrainingState::completed, std::string_view{"C"}},
                                  std::pair{TrainingState::error, std::string_view{"E"}}};
};

// What a running training waits for: in ONGOING updates, their aggregation or tests, in SWAG_ROUND moments or
// their average. `idle` in every other state.
enum class Phase { idle, updating, aggregating, collecting, averaging, testing };

template <>
struct Names<Phase> {  // stored; never rename
  static constexpr std::array all{std::pair{Phase::idle, std::string_view{"idle"}},
                                  std::pair{Phase::updating, std::string_view{"updating"}},
                                  std::pair{Phase::aggregating, std::string_view{"aggregating"}},
                                  std::pair{Phase::collecting, std::string_view{"collecting"}},
                                  std::pair{Phase::averaging, std::string_view{"averaging"}},
                                  std::pair{Phase::testing, std::string_view{"testing"}}};
};

[[nodiscard]] constexpr bool is_running(TrainingState state) {
  return state == TrainingState::ongoing || state == TrainingState::swag_round;
}

// Whether what the phase waits for is work of the server itself.
[[nodiscard]] constexpr bool is_servers_work(Phase phase) {
  return phase == Phase::aggregating || phase == Phase::averaging;
}

// Whether what the phase waits for is work of the participants.
[[nodiscard]] constexpr bool is_participants_work(Phase phase) {
  return phase == Phase::updating || phase == Phase::collecting || phase == Phase::testing;
}

[[nodiscard]] constexpr bool has_ended(TrainingState state) {
  return state == TrainingState::completed || state == TrainingState::error;
}

// Whether a training may go from one state to another; staying is always legal.
[[nodiscard]] bool is_legal(TrainingState from, TrainingState to);

}  // namespace fedlog::domain
