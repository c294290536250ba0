#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/identifiers.h"

// Text as Python reads and counts it, which the contract's answers depend on.
namespace fedlog::http {

// Without ASCII white space at either end.
[[nodiscard]] std::string_view stripped(std::string_view text);

// Unicode characters of valid UTF-8.
[[nodiscard]] std::size_t character_count(std::string_view text);

// What int() reads of ASCII digits: spaces around it, a sign, underscores between digits. Nothing beyond 64
// bits.
[[nodiscard]] std::optional<std::int64_t> parse_python_integer(std::string_view text);

// What uuid.UUID() reads: 32 hexadecimal digits with hyphens anywhere, braces, "urn:uuid:".
[[nodiscard]] std::optional<domain::Uuid> parse_python_uuid(std::string_view text);

[[nodiscard]] std::string encode_base64(std::string_view bytes);

}  // namespace fedlog::http
