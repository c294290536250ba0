#pragma once

#include "actors/gateway.h"
#include "http/body.h"

namespace fedlog::http {

// Statistics with torchinfo's names, as a model's metadata shows them.
[[nodiscard]] Body serialized(const actors::ModelStatistics& statistics);

}  // namespace fedlog::http
