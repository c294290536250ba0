#pragma once

#include <string>
#include <vector>

#include "http/body.h"
#include "http/router.h"

namespace fedlog::http {

// The OpenAPI 3.0 document of a table of routes: everything in it comes from the table, from the rules that
// read requests and from the schemas in openapi_components.cpp.
[[nodiscard]] Body openapi_document(const std::vector<Route>& routes);

// What the table leaves unsaid, in sentences that name the route: a call without a summary or an answer, a
// body, parameter or field without a meaning. Empty for a table that is described as a whole.
[[nodiscard]] std::vector<std::string> undocumented(const std::vector<Route>& routes);

}  // namespace fedlog::http
