#pragma once

#include <nlohmann/json.hpp>

#include "actors/gateway.h"
#include "domain/training_events.h"

namespace fedlog::actors {

// What is understood of a training's options: `daisy_chain_period`, `uncertainty.N`, `uncertainty.softmax`.
// Other keys are kept as they are. The error names the option and what it may be.
[[nodiscard]] Result<domain::TrainingOptions> read_training_options(const nlohmann::json& options);

}  // namespace fedlog::actors
