#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

// What Python knows of Unicode's characters, as far as numbers and white space go.
namespace fedlog::http {

struct Character {
  char32_t code = 0;
  std::size_t size_bytes = 0;
};

// The first character of a text that is not empty. A byte that begins no sequence of UTF-8 is U+FFFD.
[[nodiscard]] Character first_character(std::string_view text);

// As str.isspace() has it.
[[nodiscard]] bool is_white_space(char32_t code);

// 0 to 9, of a decimal digit in any script (Unicode's category Nd).
[[nodiscard]] std::optional<int> decimal_digit(char32_t code);

}  // namespace fedlog::http
