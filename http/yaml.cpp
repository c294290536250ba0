#include "http/yaml.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include "http/form.h"
#include "http/message.h"

namespace fedlog::http {

namespace {

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// A word that no version of YAML takes for a number, a truth value, null or a date.
bool is_plain(std::string_view text) {
  constexpr std::array reserved{"y", "n", "yes", "no", "on", "off", "true", "false", "null"};
  if (text.empty() || !is_letter(text.front())) return false;
  const bool clean =
      std::ranges::all_of(text, [](char c) { return is_letter(c) || (c >= '0' && c <= '9') || c == '_'; });
  return clean && std::ranges::find(reserved, to_lower(text)) == reserved.end();
}

// The code point at the front of valid UTF-8 text, and its length.
std::pair<std::uint32_t, std::size_t> code_point(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
  std::uint32_t value = length == 1 ? lead : lead & (0x7fU >> length);
  for (std::size_t index = 1; index < length; ++index) {
    value = value << 6U | (static_cast<unsigned char>(text[index]) & 0x3fU);
  }
  return {value, length};
}

std::string quoted(std::string_view text) {
  const auto valid = mended_utf8(text);
  std::string result = "\"";
  for (std::size_t position = 0; position < valid.size();) {
    const auto [point, length] = code_point(std::string_view{valid}.substr(position));
    position += length;
    if (point == '"' || point == '\\') {
      result += {'\\', static_cast<char>(point)};
    } else if (point == '\n') {
      result += "\\n";
    } else if (point >= ' ' && point < 0x7f) {
      result.push_back(static_cast<char>(point));
    } else {
      std::array<char, 12> escape{};
      std::snprintf(escape.data(), escape.size(), point > 0xffff ? "\\U%08X" : "\\u%04X", point);
      result += escape.data();
    }
  }
  return result + "\"";
}

std::string text_scalar(std::string_view text) {
  return is_plain(text) ? std::string{text} : quoted(text);
}

std::string scalar(const Body& value) {
  if (value.is_string()) return text_scalar(value.get_ref<const std::string&>());
  if (value.is_array()) return "[]";
  if (value.is_object()) return "{}";
  auto text = value.dump();
  // YAML 1.1 takes 1e-05 for text.
  if (const auto exponent = text.find('e');
      value.is_number_float() && exponent != std::string::npos && text.find('.') == std::string::npos) {
    text.insert(exponent, ".0");
  }
  return text;
}

void append(std::string& out, const Body& value, std::size_t depth, bool in_line) {
  const std::string indent(2 * depth, ' ');
  if (!value.is_structured() || value.empty()) {
    out += (in_line ? " " : indent) + scalar(value) + "\n";
    return;
  }
  // What follows "- " on its line starts there; all other lines of a block stand at its depth.
  bool first = in_line && !out.empty() && out.back() == '-';
  if (in_line && !first) out += "\n";
  const auto begin_line = [&] {
    out += first ? " " : indent;
    first = false;
  };
  if (value.is_array()) {
    for (const auto& item : value) {
      begin_line();
      out += "-";
      append(out, item, depth + 1, true);
    }
    return;
  }
  for (const auto& [name, item] : value.items()) {
    begin_line();
    out += text_scalar(name) + ":";
    append(out, item, depth + 1, true);
  }
}

}  // namespace

std::string to_yaml(const Body& value) {
  std::string out;
  append(out, value, 0, false);
  return out;
}

}  // namespace fedlog::http
