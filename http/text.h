#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/identifiers.h"

// Text as Python reads and counts it, which the contract's answers depend on.
namespace fedlog::http {

// Without white space at either end, as str.strip().
[[nodiscard]] std::string_view stripped(std::string_view text);

// Unicode characters of valid UTF-8.
[[nodiscard]] std::size_t character_count(std::string_view text);

// The characters that int() and float() look at: digits of all scripts become ASCII's and foreign white space
// blanks, then those at the ends go. Another foreign character becomes "?", which no number has.
[[nodiscard]] std::string numeric_text(std::string_view text);

// What int() reads: digits of any script, spaces around them, a sign, underscores between them. Nothing
// beyond 64 bits.
[[nodiscard]] std::optional<std::int64_t> parse_python_integer(std::string_view text);

// What uuid.UUID() reads: 32 hexadecimal digits with hyphens anywhere, braces, "urn:uuid:".
[[nodiscard]] std::optional<domain::Uuid> parse_python_uuid(std::string_view text);

// The same as the id of what `Id` names: so clients may write ids in paths and bodies.
template <class Id>
[[nodiscard]] std::optional<Id> parse_id(std::string_view text) {
  const auto uuid = parse_python_uuid(text);
  return uuid ? std::optional{Id{*uuid}} : std::nullopt;
}

void append_base64(std::string& text, std::string_view bytes);
[[nodiscard]] constexpr std::uint64_t base64_length(std::uint64_t bytes) {
  return (bytes + 2) / 3 * 4;
}

}  // namespace fedlog::http
