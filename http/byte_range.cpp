#include "http/byte_range.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "http/message.h"

namespace fedlog::http {

namespace {

std::optional<std::uint64_t> parse_position(std::string_view text) {
  std::uint64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (text.empty() || result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return value;
}

}  // namespace

RangeAnswer parse_range(std::string_view header, std::uint64_t size_bytes) {
  constexpr std::string_view unit = "bytes=";
  if (!header.starts_with(unit)) return WholeFile{};
  const auto spec = trimmed(header.substr(unit.size()));
  const auto dash = spec.find('-');
  if (dash == std::string_view::npos) return WholeFile{};
  const auto first = parse_position(spec.substr(0, dash));
  const auto last = parse_position(spec.substr(dash + 1));
  if (dash == 0) {  // the last n bytes
    if (!last) return WholeFile{};
    const auto length = std::min(*last, size_bytes);
    if (length == 0) return Unsatisfiable{};
    return ByteRange{size_bytes - length, length};
  }
  if (!first || (!last && dash + 1 != spec.size())) return WholeFile{};
  if (last && *last < *first) return WholeFile{};
  if (*first >= size_bytes) return Unsatisfiable{};
  const auto end = last ? std::min(*last, size_bytes - 1) : size_bytes - 1;
  return ByteRange{*first, end - *first + 1};
}

}  // namespace fedlog::http
