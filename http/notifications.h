#pragma once

#include <vector>

#include "http/handling.h"

namespace fedlog::http {

// GET /api/users/notifications/, for those to whom nothing is posted, and POST /api/users/<id>/ping/, for
// those to whom something is. `services` must outlive the routes.
[[nodiscard]] std::vector<Route> notification_routes(const Services& services);

}  // namespace fedlog::http
