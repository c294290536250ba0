#pragma once

#include <vector>

#include "http/handling.h"

namespace fedlog::http {

// /api/dummy/, in development mode only: otherwise there are none. `services` must outlive the routes.
[[nodiscard]] std::vector<Route> dummy_routes(const Services& services);

}  // namespace fedlog::http
