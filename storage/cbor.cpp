#include "storage/cbor.h"

#include <bit>
#include <cmath>
#include <limits>

namespace fedlog::storage::cbor {
namespace {

constexpr std::uint8_t major_unsigned = 0;
constexpr std::uint8_t major_negative = 1;
constexpr std::uint8_t major_bytes = 2;
constexpr std::uint8_t major_text = 3;
constexpr std::uint8_t major_array = 4;
constexpr std::uint8_t major_map = 5;
constexpr char simple_false = '\xf4';
constexpr char simple_true = '\xf5';
constexpr char simple_null = '\xf6';
constexpr char float64 = '\xfb';
constexpr std::uint64_t the_nan = 0x7ff8'0000'0000'0000;

void append_big_endian(std::string& out, std::uint64_t value, int size) {
  for (int shift = 8 * (size - 1); shift >= 0; shift -= 8) out += static_cast<char>(value >> shift & 0xff);
}

std::uint64_t big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
  return value;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto size = utf8_character_size(text);
    if (size == 0) return false;
    text.remove_prefix(size);
  }
  return true;
}

std::string with_replacements(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto size = utf8_character_size(text);
    out += size == 0 ? std::string_view{"\xef\xbf\xbd"} : text.substr(0, size);
    text.remove_prefix(size == 0 ? 1 : size);
  }
  return out;
}

}  // namespace

std::size_t utf8_character_size(std::string_view text) {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t index) { return static_cast<std::uint8_t>(text[index]); };
  const auto first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  for (std::size_t index = 1; index < size; ++index) {
    if ((byte(index) & 0xc0) != 0x80) return 0;
  }
  // Overlong forms, surrogates, and what is past U+10FFFF.
  if (first == 0xe0 && byte(1) < 0xa0) return 0;
  if (first == 0xed && byte(1) > 0x9f) return 0;
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) > 0x8f) return 0;
  return size;
}

void Writer::head(std::uint8_t major, std::uint64_t value) {
  const auto initial = [&](int additional) { out_ += static_cast<char>(major << 5 | additional); };
  if (value < 24) {
    initial(static_cast<int>(value));
  } else if (value <= 0xff) {
    initial(24);
    append_big_endian(out_, value, 1);
  } else if (value <= 0xffff) {
    initial(25);
    append_big_endian(out_, value, 2);
  } else if (value <= 0xffff'ffff) {
    initial(26);
    append_big_endian(out_, value, 4);
  } else {
    initial(27);
    append_big_endian(out_, value, 8);
  }
}

void Writer::unsigned_integer(std::uint64_t value) {
  head(major_unsigned, value);
}

void Writer::integer(std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  value < 0 ? head(major_negative, ~bits) : head(major_unsigned, bits);
}

void Writer::number(double value) {
  out_ += float64;
  append_big_endian(out_, std::isnan(value) ? the_nan : std::bit_cast<std::uint64_t>(value), 8);
}

void Writer::boolean(bool value) {
  out_ += value ? simple_true : simple_false;
}

void Writer::null() {
  out_ += simple_null;
}

void Writer::text(std::string_view value) {
  const auto fitting = is_utf8(value) ? std::string{} : with_replacements(value);
  const auto stored = fitting.empty() ? value : std::string_view{fitting};
  head(major_text, stored.size());
  out_ += stored;
}

void Writer::bytes(std::string_view value) {
  head(major_bytes, value.size());
  out_ += value;
}

void Writer::array(std::size_t size) {
  head(major_array, size);
}

void Writer::map(std::size_t size) {
  head(major_map, size);
}

void Reader::fail(std::string message) {
  if (error_) return;
  std::string where;
  for (const auto& field : path_) where += (where.empty() ? "" : ".") + std::string(field);
  error_ = where.empty() ? std::move(message) : "field " + where + ": " + message;
  rest_ = {};
}

std::string_view Reader::take(std::uint64_t size) {
  if (size > rest_.size()) {
    fail("the bytes end too early");
    return {};
  }
  const auto taken = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return taken;
}

std::optional<Reader::Head> Reader::head(std::string_view wanted) {
  const auto first = take(1);
  if (first.empty()) return std::nullopt;
  const auto initial = static_cast<std::uint8_t>(first[0]);
  Head head{.major = static_cast<std::uint8_t>(initial >> 5), .value = initial & 31U};
  if (head.major > major_map || head.value > 27) {
    fail("expected " + std::string(wanted));
    return std::nullopt;
  }
  if (head.value < 24) return head;
  const auto size = 1ULL << (head.value - 24);
  head.value = big_endian(take(size));
  if (error_) return std::nullopt;
  const auto least = size == 1 ? 24 : 1ULL << (4 * size);
  if (head.value < least) {
    fail("a number or length is not in its shortest form");
    return std::nullopt;
  }
  return head;
}

std::uint64_t Reader::unsigned_integer() {
  const auto found = head("an unsigned integer");
  if (!found) return 0;
  if (found->major != major_unsigned) fail("expected an unsigned integer");
  return ok() ? found->value : 0;
}

std::int64_t Reader::integer() {
  const auto found = head("an integer");
  if (!found) return 0;
  if (found->major > major_negative) {
    fail("expected an integer");
  } else if (found->value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
    fail("the integer does not fit into 64 bits");
  }
  if (!ok()) return 0;
  return static_cast<std::int64_t>(found->major == major_negative ? ~found->value : found->value);
}

double Reader::number() {
  const auto first = take(1);
  if (!ok()) return 0;
  if (first[0] != float64) {
    fail("expected a 64-bit float");
    return 0;
  }
  const auto bits = big_endian(take(8));
  if (!ok()) return 0;
  const auto value = std::bit_cast<double>(bits);
  if (std::isnan(value) && bits != the_nan) fail("a NaN that is not the one of the deterministic encoding");
  return value;
}

bool Reader::boolean() {
  const auto first = take(1);
  if (!ok()) return false;
  if (first[0] != simple_true && first[0] != simple_false) fail("expected true or false");
  return ok() && first[0] == simple_true;
}

bool Reader::take_null() {
  if (rest_.empty() || rest_[0] != simple_null) return false;
  rest_.remove_prefix(1);
  return true;
}

std::string_view Reader::text() {
  const auto found = head("text");
  if (!found) return {};
  if (found->major != major_text) fail("expected text");
  const auto text = take(found->value);
  if (!is_utf8(text)) fail("the text is not UTF-8");
  return ok() ? text : std::string_view{};
}

std::string_view Reader::bytes() {
  const auto found = head("bytes");
  if (!found) return {};
  if (found->major != major_bytes) fail("expected bytes");
  return take(found->value);
}

std::size_t Reader::array() {
  const auto found = head("a list");
  if (!found) return 0;
  if (found->major != major_array) {
    fail("expected a list");
  } else if (found->value > rest_.size()) {
    fail("the list is longer than the bytes that are left");
  }
  return ok() ? found->value : 0;
}

std::size_t Reader::map() {
  const auto found = head("a map");
  if (!found) return 0;
  if (found->major != major_map) {
    fail("expected a map");
  } else if (found->value > rest_.size()) {
    fail("the map is longer than the bytes that are left");
  }
  return ok() ? found->value : 0;
}

void Reader::expect_key(std::string_view name) {
  const auto key = text();
  if (ok() && key != name) {
    fail("expected field '" + std::string(name) + "', found '" + std::string(key.substr(0, 64)) + "'");
  }
}

void Reader::expect_end() {
  if (ok() && !rest_.empty()) fail(std::to_string(rest_.size()) + " bytes are left over");
}

}  // namespace fedlog::storage::cbor
