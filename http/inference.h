#pragma once

#include <vector>

#include "http/handling.h"

namespace fedlog::http {

// /api/inference/. `services` must outlive the routes.
[[nodiscard]] std::vector<Route> inference_routes(const Services& services);

}  // namespace fedlog::http
