#include "domain/identifiers.h"

#include <chrono>
#include <cstdio>
#include <span>

namespace fedlog::domain {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

std::optional<std::uint8_t> hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return static_cast<std::uint8_t>(digit - '0');
  if (digit >= 'a' && digit <= 'f') return static_cast<std::uint8_t>(digit - 'a' + 10);
  if (digit >= 'A' && digit <= 'F') return static_cast<std::uint8_t>(digit - 'A' + 10);
  return std::nullopt;
}

bool parse_hex(std::string_view hex, std::span<std::uint8_t> bytes) {
  if (hex.size() != 2 * bytes.size()) return false;
  for (std::size_t index = 0; index < bytes.size(); ++index) {
    const auto high = hex_value(hex[2 * index]);
    const auto low = hex_value(hex[2 * index + 1]);
    if (!high || !low) return false;
    bytes[index] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return true;
}

void append_hex(std::string& text, std::span<const std::uint8_t> bytes) {
  for (const auto byte : bytes) {
    text += hex_digits[byte >> 4];
    text += hex_digits[byte & 15];
  }
}

constexpr bool has_dash_before(std::size_t byte) {
  return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

}  // namespace

std::optional<Uuid> Uuid::parse(std::string_view text) {
  if (text.size() != 36) return std::nullopt;
  std::string hex;
  for (std::size_t index = 0; index < text.size(); ++index) {
    const bool dash = index == 8 || index == 13 || index == 18 || index == 23;
    if (dash != (text[index] == '-')) return std::nullopt;
    if (!dash) hex += text[index];
  }
  Uuid uuid;
  if (!parse_hex(hex, uuid.bytes)) return std::nullopt;
  return uuid;
}

std::string Uuid::text() const {
  std::string text;
  for (std::size_t index = 0; index < bytes.size(); ++index) {
    if (has_dash_before(index)) text += '-';
    append_hex(text, std::span{bytes}.subspan(index, 1));
  }
  return text;
}

std::optional<BlobId> BlobId::parse(std::string_view hex) {
  BlobId blob;
  if (!parse_hex(hex, blob.digest)) return std::nullopt;
  return blob;
}

std::string BlobId::text() const {
  std::string text;
  append_hex(text, digest);
  return text;
}

std::string Timestamp::text() const {
  using namespace std::chrono;
  const sys_time<std::chrono::microseconds> time{std::chrono::microseconds{microseconds}};
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{time - day};
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return text;
}

}  // namespace fedlog::domain
