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

// What an ongoing training waits for. `idle` in every other state.
enum class Phase { idle, updating, aggregating, testing };

template <>
struct Names<Phase> {  // stored; never rename
  static constexpr std::array all{std::pair{Phase::idle, std::string_view{"idle"}},
                                  std::pair{Phase::updating, std::string_view{"updating"}},
                                  std::pair{Phase::aggregating, std::string_view{"aggregating"}},
                                  std::pair{Phase::testing, std::string_view{"testing"}}};
};

// Whether a training may go from one state to another; staying is always legal.
[[nodiscard]] bool is_legal(TrainingState from, TrainingState to);

}  // namespace fedlog::domain
