#pragma once

#include "domain/identifiers.h"

namespace fedlog::actors {

// A random UUID (version 4) from the system's random source. Any thread.
[[nodiscard]] domain::Uuid new_id();

}  // namespace fedlog::actors
