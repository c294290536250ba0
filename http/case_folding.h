#pragma once

#include <string>
#include <string_view>

namespace fedlog::http {

// Valid UTF-8 with the capital letters of ASCII, Latin-1, Greek and Cyrillic made small.
[[nodiscard]] std::string case_folded(std::string_view text);

}  // namespace fedlog::http
