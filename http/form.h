#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"

namespace fedlog::http {

// Percent-decodes once; with `plus_is_space` also "+". Escapes that make no sense are kept as they are.
[[nodiscard]] std::string percent_decode(std::string_view text, bool plus_is_space);
// The same, but nothing if an escape makes no sense.
[[nodiscard]] std::expected<std::string, std::string> percent_decode_strictly(std::string_view text);

// "a=1&b=2": fields in order, repeated ones kept, "name" alone has the value "". Bytes that are no UTF-8
// become U+FFFD. More than `fields_max` fields: the error says so.
[[nodiscard]] std::expected<std::vector<NameValue>, std::string> parse_urlencoded(
    std::string_view text, std::size_t fields_max = 1000);

// How many bytes from the front are valid UTF-8 (RFC 3629).
[[nodiscard]] std::size_t valid_utf8_prefix(std::string_view text);
[[nodiscard]] bool is_valid_utf8(std::string_view text);
// Each byte that belongs to no valid sequence becomes U+FFFD.
[[nodiscard]] std::string mended_utf8(std::string_view text);

}  // namespace fedlog::http
