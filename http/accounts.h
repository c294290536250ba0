#pragma once

#include <vector>

#include "http/handling.h"

namespace fedlog::http {

// /api/users/<id>/token/, password/, deactivate/, activate/: what changes an account. `services` must outlive
// the routes.
[[nodiscard]] std::vector<Route> account_routes(const Services& services);

}  // namespace fedlog::http
