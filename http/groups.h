#pragma once

#include <vector>

#include "http/handling.h"

namespace fedlog::http {

// /api/groups/: anyone creates, superusers list, members read, rename and delete; members and superusers
// change who belongs to it. `services` must outlive the routes.
[[nodiscard]] std::vector<Route> group_routes(const Services& services);

}  // namespace fedlog::http
