#include "http/form.h"

#include <algorithm>

namespace fedlog::http {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte that the escape at `position` stands for, or -1.
int escaped_byte(std::string_view text, std::size_t position) {
  if (text.size() - position < 3) return -1;
  const int high = hex_digit(text[position + 1]);
  const int low = hex_digit(text[position + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

// The length of the valid UTF-8 sequence at `position` (RFC 3629: no overlong forms, no surrogates), or 0.
std::size_t utf8_sequence_length(std::string_view text, std::size_t position) {
  const auto at = [&](std::size_t offset) -> unsigned {
    return position + offset < text.size() ? static_cast<unsigned char>(text[position + offset]) : 0U;
  };
  const auto continues = [&](std::size_t offset) { return (at(offset) & 0xC0U) == 0x80U; };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const unsigned low = first == 0xE0 ? 0xA0 : 0x80;
    const unsigned high = first == 0xED ? 0x9F : 0xBF;
    return at(1) >= low && at(1) <= high && continues(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const unsigned low = first == 0xF0 ? 0x90 : 0x80;
    const unsigned high = first == 0xF4 ? 0x8F : 0xBF;
    return at(1) >= low && at(1) <= high && continues(2) && continues(3) ? 4 : 0;
  }
  return 0;
}

}  // namespace

std::string percent_decode(std::string_view text, bool plus_is_space) {
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t position = 0; position < text.size(); ++position) {
    const char c = text[position];
    const int byte = c == '%' ? escaped_byte(text, position) : -1;
    if (byte >= 0) {
      decoded.push_back(static_cast<char>(byte));
      position += 2;
    } else {
      decoded.push_back(plus_is_space && c == '+' ? ' ' : c);
    }
  }
  return decoded;
}

std::expected<std::string, std::string> percent_decode_strictly(std::string_view text) {
  for (auto escape = text.find('%'); escape != std::string_view::npos; escape = text.find('%', escape + 1)) {
    if (escaped_byte(text, escape) < 0) {
      return std::unexpected{"\"%\" must be followed by two hexadecimal digits"};
    }
  }
  return percent_decode(text, false);
}

std::expected<std::vector<NameValue>, std::string> parse_urlencoded(std::string_view text,
                                                                    std::size_t fields_max) {
  std::vector<NameValue> fields;
  while (!text.empty()) {
    const auto field = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), field.size() + 1));
    if (field.empty()) continue;
    if (fields.size() == fields_max) {
      return std::unexpected{"more than " + std::to_string(fields_max) + " fields"};
    }
    const auto equals = field.find('=');
    const auto value = equals == std::string_view::npos ? std::string_view{} : field.substr(equals + 1);
    fields.emplace_back(mended_utf8(percent_decode(field.substr(0, equals), true)),
                        mended_utf8(percent_decode(value, true)));
  }
  return fields;
}

std::size_t valid_utf8_prefix(std::string_view text) {
  std::size_t position = 0;
  while (position < text.size()) {
    const auto length = utf8_sequence_length(text, position);
    if (length == 0) break;
    position += length;
  }
  return position;
}

bool is_valid_utf8(std::string_view text) {
  return valid_utf8_prefix(text) == text.size();
}

std::string mended_utf8(std::string_view text) {
  if (is_valid_utf8(text)) return std::string{text};
  std::string mended;
  for (std::size_t position = 0; position < text.size();) {
    const auto length = utf8_sequence_length(text, position);
    mended.append(length == 0 ? std::string_view{"\xEF\xBF\xBD"} : text.substr(position, length));
    position += std::max<std::size_t>(length, 1);
  }
  return mended;
}

}  // namespace fedlog::http
