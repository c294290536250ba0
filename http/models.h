#pragma once

#include <vector>

#include "http/handling.h"

namespace fedlog::http {

// /api/models/: upload, lists, files, metadata, metrics, preprocessing. `services` must outlive the routes.
[[nodiscard]] std::vector<Route> model_routes(const Services& services);

}  // namespace fedlog::http
