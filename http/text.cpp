#include "http/text.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "http/unicode.h"

namespace fedlog::http {

namespace {

// What C, and so Python at a number's ends, takes for white space.
constexpr std::string_view blanks = " \t\n\v\f\r";
constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

void erase_all(std::string& text, std::string_view part) {
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at)) {
    text.erase(at, part.size());
  }
}

}  // namespace

std::string_view stripped(std::string_view text) {
  while (!text.empty()) {
    const auto first = first_character(text);
    if (!is_white_space(first.code)) break;
    text.remove_prefix(first.size_bytes);
  }
  while (!text.empty()) {
    auto start = text.size() - 1;
    while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0U) == 0x80U) --start;
    if (!is_white_space(first_character(text.substr(start)).code)) break;
    text.remove_suffix(text.size() - start);
  }
  return text;
}

std::string numeric_text(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    const auto [code, size_bytes] = first_character(text);
    text.remove_prefix(size_bytes);
    if (code < 0x80) {
      plain.push_back(static_cast<char>(code));
    } else if (const auto digit = decimal_digit(code)) {
      plain.push_back(static_cast<char>('0' + *digit));
    } else {
      plain.push_back(is_white_space(code) ? ' ' : '?');
    }
  }
  const auto first = plain.find_first_not_of(blanks);
  if (first == std::string::npos) return {};
  return plain.substr(first, plain.find_last_not_of(blanks) - first + 1);
}

std::size_t character_count(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::optional<std::int64_t> parse_python_integer(std::string_view content) {
  const auto text = numeric_text(content);
  std::string digits;
  for (std::size_t index = 0; index < text.size(); ++index) {
    const char c = text[index];
    const bool between =
        index > 0 && index + 1 < text.size() && is_digit(text[index - 1]) && is_digit(text[index + 1]);
    if (is_digit(c) || (c == '-' && index == 0)) {
      digits.push_back(c);
    } else if (!(c == '+' && index == 0) && !(c == '_' && between)) {
      return std::nullopt;
    }
  }
  std::int64_t value = 0;
  const auto* end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data(), end, value);
  if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return value;
}

std::optional<domain::Uuid> parse_python_uuid(std::string_view text) {
  constexpr std::size_t length_max = 64;
  if (text.size() > length_max) return std::nullopt;
  std::string digits{text};
  erase_all(digits, "urn:");
  erase_all(digits, "uuid:");
  std::erase_if(digits, [](char c) { return c == '-' || c == '{' || c == '}'; });
  if (digits.size() != 32) return std::nullopt;
  for (const std::size_t hyphen : {20, 16, 12, 8}) digits.insert(hyphen, 1, '-');
  return domain::Uuid::parse(digits);
}

void append_base64(std::string& text, std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto count = std::min<std::size_t>(3, bytes.size() - at);
    std::uint32_t bits = 0;
    for (std::size_t index = 0; index < 3; ++index) {
      bits = (bits << 8) | (index < count ? static_cast<unsigned char>(bytes[at + index]) : 0U);
    }
    for (std::size_t index = 0; index < 4; ++index) {
      text.push_back(index <= count ? base64_digits[(bits >> (18 - 6 * index)) & 0x3FU] : '=');
    }
  }
}

}  // namespace fedlog::http
