#include "http/downloads.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <variant>

#include "http/errors.h"
#include "http/rejections.h"

namespace fedlog::http {

namespace {

struct Range {
  std::uint64_t offset_bytes = 0;
  std::uint64_t length_bytes = 0;
};
struct Whole {};          // no range, or one that we do not serve
struct Unsatisfiable {};  // beyond the file's end
using RangeAnswer = std::variant<Whole, Range, Unsatisfiable>;

std::optional<std::uint64_t> parse_position(std::string_view text) {
  std::uint64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (text.empty() || result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  return value;
}

// RFC 9110, 14.2: what cannot be read, or has several ranges, is ignored.
RangeAnswer parse_range(std::string_view header, std::uint64_t size_bytes) {
  constexpr std::string_view unit = "bytes=";
  if (!header.starts_with(unit)) return Whole{};
  const auto spec = trimmed(header.substr(unit.size()));
  const auto dash = spec.find('-');
  if (dash == std::string_view::npos) return Whole{};
  const auto first = parse_position(spec.substr(0, dash));
  const auto last = parse_position(spec.substr(dash + 1));
  if (dash == 0) {  // the last n bytes
    if (!last) return Whole{};
    const auto length = std::min(*last, size_bytes);
    if (length == 0) return Unsatisfiable{};
    return Range{size_bytes - length, length};
  }
  if (!first || (!last && dash + 1 != spec.size())) return Whole{};
  if (last && *last < *first) return Whole{};
  if (*first >= size_bytes) return Unsatisfiable{};
  const auto end = last ? std::min(*last, size_bytes - 1) : size_bytes - 1;
  return Range{*first, end - *first + 1};
}

// If-None-Match compares weakly, so a W/ makes no difference.
bool matches(std::string_view header, std::string_view etag) {
  if (trimmed(header) == "*") return true;
  while (!header.empty()) {
    const auto comma = header.find(',');
    auto candidate = trimmed(header.substr(0, comma));
    if (candidate.starts_with("W/")) candidate.remove_prefix(2);
    if (candidate == etag) return true;
    if (comma == std::string_view::npos) break;
    header.remove_prefix(comma + 1);
  }
  return false;
}

}  // namespace

Response download_response(const Services& services, const Request& request, domain::BlobId id,
                           std::string_view filename) {
  const auto blob = services.gateway.blob(id);
  if (!blob) return rejection_response(blob.error());
  const auto etag = "\"" + blob->id.text() + "\"";

  Response response;
  response.headers.add("ETag", etag);
  response.headers.add("Cache-Control", "private, no-cache");
  if (const auto* known = request.headers.find("If-None-Match"); known && matches(*known, etag)) {
    response.status = 304;
    return response;
  }
  response.headers.add("Accept-Ranges", "bytes");
  RangeAnswer range = Whole{};
  const auto* condition = request.headers.find("If-Range");
  if (const auto* header = request.headers.find("Range"); header && (!condition || *condition == etag)) {
    range = parse_range(*header, blob->size_bytes);
  }
  if (std::holds_alternative<Unsatisfiable>(range)) {
    auto refusal = detail_response(416, "The file has only " + std::to_string(blob->size_bytes) + " bytes.");
    refusal.headers.add("Content-Range", "bytes */" + std::to_string(blob->size_bytes));
    return refusal;
  }
  Range sent{0, blob->size_bytes};
  if (const auto* part = std::get_if<Range>(&range)) {
    sent = *part;
    response.status = 206;
    response.headers.add("Content-Range", "bytes " + std::to_string(sent.offset_bytes) + "-" +
                                              std::to_string(sent.offset_bytes + sent.length_bytes - 1) +
                                              "/" + std::to_string(blob->size_bytes));
  }
  response.headers.add("Content-Type", "application/octet-stream");
  response.headers.add("Content-Disposition", "filename=\"" + std::string{filename} + "\"");
  response.body =
      FileBody{.path = blob->path, .offset_bytes = sent.offset_bytes, .length_bytes = sent.length_bytes};
  return response;
}

}  // namespace fedlog::http
