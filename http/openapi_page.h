#pragma once

#include <string>
#include <string_view>

#include "http/body.h"

namespace fedlog::http {

// The API description as an HTML page that needs no scripts. `how_to_get_more` is shown at its top; all text
// is escaped.
[[nodiscard]] std::string openapi_page(const Body& document, std::string_view how_to_get_more);

// Text in HTML, in elements and quoted attributes alike.
[[nodiscard]] std::string escaped_html(std::string_view text);

}  // namespace fedlog::http
