#include "http/json_body.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <system_error>

#include "http/form.h"

namespace fedlog::http {

namespace {

using nlohmann::json;

// Ends the parsing; caught in parse_json.
struct SyntaxError {
  std::string message;
};

// Recursive descent. It follows Python's scanner step by step, since clients see at which character that one
// stops.
class Parser {
 public:
  Parser(std::string_view text, JsonLimits limits) : text_(text), limits_(limits) {}

  json document() {
    skip_space();
    auto value = parse_value(0);
    skip_space();
    if (position_ != text_.size()) fail("Extra data", position_);
    return value;
  }

 private:
  // Python counts characters, not bytes.
  [[noreturn]] void fail(std::string_view what, std::size_t position) const {
    const auto before = text_.substr(0, position);
    const auto is_start = [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; };
    const auto line_start = before.rfind('\n') == std::string_view::npos ? 0 : before.rfind('\n') + 1;
    const auto line = std::ranges::count(before, '\n') + 1;
    const auto column = std::ranges::count_if(before.substr(line_start), is_start) + 1;
    const auto character = std::ranges::count_if(before, is_start);
    throw SyntaxError{std::string{what} + ": line " + std::to_string(line) + " column " +
                      std::to_string(column) + " (char " + std::to_string(character) + ")"};
  }

  [[nodiscard]] bool at(char c) const { return position_ < text_.size() && text_[position_] == c; }

  [[nodiscard]] bool starts_with(std::string_view literal) const {
    return text_.substr(position_).starts_with(literal);
  }

  bool take(std::string_view literal) {
    if (!starts_with(literal)) return false;
    position_ += literal.size();
    return true;
  }

  void skip_space() {
    while (at(' ') || at('\t') || at('\n') || at('\r')) ++position_;
  }

  // Within `depth` lists and objects.
  json parse_value(std::size_t depth) {
    if (++values_ > limits_.values_max) {
      throw SyntaxError{"more than " + std::to_string(limits_.values_max) + " values"};
    }
    if (at('"')) return parse_string();
    if (depth == limits_.depth_max && (at('{') || at('['))) {
      throw SyntaxError{"nested deeper than " + std::to_string(limits_.depth_max) + " levels"};
    }
    if (at('{')) return parse_object(depth);
    if (at('[')) return parse_array(depth);
    if (take("null")) return nullptr;
    if (take("true")) return true;
    if (take("false")) return false;
    for (const std::string_view constant : {"NaN", "Infinity", "-Infinity"}) {
      if (starts_with(constant)) refuse_float(constant);
    }
    return parse_number();
  }

  [[noreturn]] static void refuse_float(std::string_view number) {
    throw SyntaxError{"Out of range float values are not JSON compliant: " +
                      std::string{number.substr(0, 40)}};
  }

  json parse_object(std::size_t depth) {
    json object = json::object();
    ++position_;
    skip_space();
    if (take("}")) return object;
    while (true) {
      if (!at('"')) fail("Expecting property name enclosed in double quotes", position_);
      auto key = parse_string();
      skip_space();
      if (!take(":")) fail("Expecting ':' delimiter", position_);
      skip_space();
      object[std::move(key)] = parse_value(depth + 1);
      skip_space();
      if (take("}")) return object;
      if (!take(",")) fail("Expecting ',' delimiter", position_);
      skip_space();
    }
  }

  json parse_array(std::size_t depth) {
    json array = json::array();
    ++position_;
    skip_space();
    if (take("]")) return array;
    while (true) {
      array.push_back(parse_value(depth + 1));
      skip_space();
      if (take("]")) return array;
      if (!take(",")) fail("Expecting ',' delimiter", position_);
      skip_space();
    }
  }

  std::string parse_string() {
    const auto start = position_++;
    std::string value;
    while (true) {
      const auto plain = position_;
      while (position_ < text_.size() && text_[position_] != '"' && text_[position_] != '\\' &&
             static_cast<unsigned char>(text_[position_]) >= 0x20) {
        ++position_;
      }
      value.append(text_.substr(plain, position_ - plain));
      if (position_ == text_.size()) fail("Unterminated string starting at", start);
      if (take("\"")) return value;
      if (!at('\\')) fail("Invalid control character at", position_);
      parse_escape(start, value);
    }
  }

  void parse_escape(std::size_t string_start, std::string& value) {
    const auto start = position_++;
    if (position_ == text_.size()) fail("Unterminated string starting at", string_start);
    constexpr std::string_view names = "\"\\/bfnrt";
    constexpr std::string_view meanings = "\"\\/\b\f\n\r\t";
    const char name = text_[position_++];
    if (const auto index = names.find(name); index != std::string_view::npos) {
      value.push_back(meanings[index]);
    } else if (name == 'u') {
      append_code_point(parse_code_point(start), value);
    } else {
      fail("Invalid \\escape", start);
    }
  }

  std::uint32_t parse_code_point(std::size_t escape) {
    const auto first = parse_hex4(escape);
    if (first < 0xD800 || first > 0xDFFF) return first;
    // A surrogate is half of a character: without the other half it stands for nothing that UTF-8 can say.
    if (first > 0xDBFF || !take("\\u")) fail("Invalid \\uXXXX escape", escape + 1);
    const auto second = parse_hex4(position_ - 2);
    if (second < 0xDC00 || second > 0xDFFF) fail("Invalid \\uXXXX escape", escape + 1);
    return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
  }

  std::uint32_t parse_hex4(std::size_t escape) {
    std::uint32_t value = 0;
    const auto digits = text_.substr(position_, 4);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() < 4 || error != std::errc{} || end != digits.data() + 4) {
      fail("Invalid \\uXXXX escape", escape + 1);
    }
    position_ += 4;
    return value;
  }

  static void append_code_point(std::uint32_t code, std::string& value) {
    const auto tail = [&](unsigned shift) {
      value.push_back(static_cast<char>(0x80U | ((code >> shift) & 0x3FU)));
    };
    if (code < 0x80) {
      value.push_back(static_cast<char>(code));
    } else if (code < 0x800) {
      value.push_back(static_cast<char>(0xC0U | (code >> 6)));
      tail(0);
    } else if (code < 0x10000) {
      value.push_back(static_cast<char>(0xE0U | (code >> 12)));
      tail(6);
      tail(0);
    } else {
      value.push_back(static_cast<char>(0xF0U | (code >> 18)));
      tail(12);
      tail(6);
      tail(0);
    }
  }

  std::size_t digits_at(std::size_t position) const {
    const auto end = std::min(text_.find_first_not_of("0123456789", position), text_.size());
    return end - position;
  }

  json parse_number() {
    const auto start = position_;
    auto end = start + (at('-') ? 1 : 0);
    const auto whole = end < text_.size() && text_[end] == '0' ? 1 : digits_at(end);
    if (whole == 0) fail("Expecting value", start);
    end += whole;
    bool is_float = false;
    if (end < text_.size() && text_[end] == '.' && digits_at(end + 1) > 0) {
      end += 1 + digits_at(end + 1);
      is_float = true;
    }
    if (end < text_.size() && (text_[end] == 'e' || text_[end] == 'E')) {
      auto exponent = end + 1;
      if (exponent < text_.size() && (text_[exponent] == '+' || text_[exponent] == '-')) ++exponent;
      if (const auto digits = digits_at(exponent); digits > 0) {
        end = exponent + digits;
        is_float = true;
      }
    }
    position_ = end;
    const auto number = text_.substr(start, end - start);
    if (!is_float) {
      if (const auto integer = parse_integer(number)) return *integer;
    }
    return parse_float(number);
  }

  static std::optional<json> parse_integer(std::string_view number) {
    const auto* end = number.data() + number.size();
    if (std::int64_t value = 0; std::from_chars(number.data(), end, value).ec == std::errc{}) return value;
    if (std::uint64_t value = 0; std::from_chars(number.data(), end, value).ec == std::errc{}) return value;
    return std::nullopt;
  }

  static double parse_float(std::string_view number) {
    double value = 0;
    const auto error = std::from_chars(number.data(), number.data() + number.size(), value).ec;
    if (error == std::errc::result_out_of_range) {
      // from_chars says the same for 1e-999, which is 0 to everyone, and for 1e999, which is infinite.
      value = std::strtod(std::string{number}.c_str(), nullptr);
    }
    if (!std::isfinite(value)) refuse_float(number);
    return value;
  }

  std::string_view text_;
  JsonLimits limits_;
  std::size_t position_ = 0;
  std::size_t values_ = 0;
};

std::string describe_invalid_utf8(std::string_view text) {
  const auto position = valid_utf8_prefix(text);
  const auto byte = static_cast<unsigned char>(text[position]);
  constexpr std::string_view digits = "0123456789abcdef";
  const std::string hex{digits[byte >> 4], digits[byte & 0xF]};
  return "'utf-8' codec can't decode byte 0x" + hex + " in position " + std::to_string(position) +
         (byte >= 0xC2 && byte <= 0xF4 ? ": invalid continuation byte" : ": invalid start byte");
}

}  // namespace

std::expected<nlohmann::json, std::string> parse_json(std::string_view text, JsonLimits limits) {
  if (!is_valid_utf8(text)) return std::unexpected{describe_invalid_utf8(text)};
  if (text.starts_with("\xEF\xBB\xBF")) {
    return std::unexpected{"Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)"};
  }
  try {
    return Parser{text, limits}.document();
  } catch (const SyntaxError& failure) {
    return std::unexpected{failure.message};
  }
}

}  // namespace fedlog::http
