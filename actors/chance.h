#pragma once

#include "domain/training_commands.h"

namespace fedlog::actors {

// From the system's random source. Any thread.
[[nodiscard]] domain::Chance new_chance();

}  // namespace fedlog::actors
