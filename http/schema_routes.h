#pragma once

#include <filesystem>
#include <vector>

#include "http/router.h"

namespace fedlog::http {

// /api/schema/ and its pages, which describe all routes of the table and themselves: call it last.
// `pages_folder` is where Swagger UI and ReDoc lie, or may come to lie.
void add_schema_routes(std::vector<Route>& routes, std::filesystem::path pages_folder);

}  // namespace fedlog::http
