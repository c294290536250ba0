#include "http/basic_credentials.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "http/form.h"
#include "http/message.h"

namespace fedlog::http {

namespace {

constexpr std::size_t token_length = 40;

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> result;
  while (true) {
    const auto start = text.find_first_not_of(" \t");
    if (start == std::string_view::npos) return result;
    text.remove_prefix(start);
    const auto word = text.substr(0, text.find_first_of(" \t"));
    result.push_back(word);
    text.remove_prefix(word.size());
  }
}

int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

// Strict: whole groups of four, padding only at the end.
std::optional<std::string> decode_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  std::string decoded;
  std::uint32_t bits = 0;
  int bit_count = 0;
  for (const char c : text) {
    const int value = base64_value(c);
    if (value < 0) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(value);
    bit_count += 6;
    if (bit_count >= 8) {
      bit_count -= 8;
      decoded.push_back(static_cast<char>((bits >> bit_count) & 0xFFU));
    }
  }
  return decoded;
}

std::string latin1_to_utf8(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      result.push_back(c);
    } else {
      result.push_back(static_cast<char>(0xC0 | (byte >> 6)));
      result.push_back(static_cast<char>(0x80 | (byte & 0x3F)));
    }
  }
  return result;
}

std::unexpected<std::string> refused(std::string_view why) {
  return std::unexpected(std::string(why));
}

std::expected<Credentials, std::string> parse_token(const std::vector<std::string_view>& parts) {
  if (parts.size() == 1) return refused("Invalid token header. No credentials provided.");
  if (parts.size() > 2) {
    return refused("Invalid token header. Token string should not contain spaces.");
  }
  if (std::ranges::any_of(parts[1], [](char c) { return static_cast<unsigned char>(c) >= 0x80; })) {
    return refused("Invalid token header. Token string should not contain invalid characters.");
  }
  return TokenCredentials{std::string{parts[1]}};
}

std::expected<Credentials, std::string> parse_basic(const std::vector<std::string_view>& parts) {
  if (parts.size() == 1) return refused("Invalid basic header. No credentials provided.");
  if (parts.size() > 2) {
    return refused("Invalid basic header. Credentials string should not contain spaces.");
  }
  auto decoded = decode_base64(parts[1]);
  const auto colon = decoded ? decoded->find(':') : std::string::npos;
  if (colon == std::string::npos) {
    return refused("Invalid basic header. Credentials not correctly base64 encoded.");
  }
  if (!is_valid_utf8(*decoded)) decoded = latin1_to_utf8(*decoded);
  const auto separator = decoded->find(':');
  auto username = decoded->substr(0, separator);
  auto password = decoded->substr(separator + 1);
  if (username.size() == token_length && password.empty()) return TokenCredentials{std::move(username)};
  return BasicCredentials{std::move(username), std::move(password)};
}

}  // namespace

std::expected<Credentials, std::string> parse_authorization(std::string_view value) {
  const auto parts = words(value);
  if (parts.empty()) return NoCredentials{};
  if (equals_ignoring_case(parts[0], "token")) return parse_token(parts);
  if (equals_ignoring_case(parts[0], "basic")) return parse_basic(parts);
  return NoCredentials{};
}

}  // namespace fedlog::http
