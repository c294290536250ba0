#pragma once

#include <vector>

#include "http/handling.h"

namespace fedlog::http {

// /api/trainings/: creation, course, participants. `services` must outlive the routes.
[[nodiscard]] std::vector<Route> training_routes(const Services& services);

}  // namespace fedlog::http
