#pragma once

#include <nlohmann/json.hpp>

#include "actors/gateway.h"
#include "domain/training_events.h"

namespace fedlog::actors {

// What is understood of a training's options; docs/training-process.md lists them. What they do not say is as
// in `defaults`. Other keys are kept as they are. The error names the option and what it may be.
[[nodiscard]] Result<domain::TrainingOptions> read_training_options(const nlohmann::json& options,
                                                                    const domain::TrainingOptions& defaults);

}  // namespace fedlog::actors
