#pragma once

#include <vector>

#include "http/handling.h"

namespace fedlog::http {

// /api/users/: registration, accounts, and what belongs to the caller. `services` must outlive the routes.
[[nodiscard]] std::vector<Route> user_routes(const Services& services);

}  // namespace fedlog::http
