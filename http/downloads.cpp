#include "http/downloads.h"

#include <string>
#include <variant>

#include "http/byte_range.h"
#include "http/errors.h"
#include "http/rejections.h"

namespace fedlog::http {

namespace {

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

bool client_has(const Request& request, std::string_view etag) {
  const auto* known = request.headers.find("If-None-Match");
  return known != nullptr && matches(*known, etag);
}

Response download_response(const Services& services, const Request& request, domain::BlobId id,
                           std::string_view filename) {
  const auto blob = services.gateway.blob(id);
  if (!blob) return rejection_response(blob.error());
  const auto etag = "\"" + blob->id.text() + "\"";

  Response response;
  response.headers.add("ETag", etag);
  response.headers.add("Cache-Control", "private, no-cache");
  if (client_has(request, etag)) {
    response.status = 304;
    return response;
  }
  response.headers.add("Accept-Ranges", "bytes");
  RangeAnswer range = WholeFile{};
  const auto* condition = request.headers.find("If-Range");
  // RFC 9110 14.2 knows ranges of GET only.
  const auto* header = request.method == "GET" ? request.headers.find("Range") : nullptr;
  if (header && (!condition || *condition == etag)) {
    range = parse_range(*header, blob->size_bytes);
  }
  if (std::holds_alternative<Unsatisfiable>(range)) {
    auto refusal = detail_response(416, "The file has only " + std::to_string(blob->size_bytes) + " bytes.");
    refusal.headers.add("Content-Range", "bytes */" + std::to_string(blob->size_bytes));
    return refusal;
  }
  ByteRange sent{0, blob->size_bytes};
  if (const auto* part = std::get_if<ByteRange>(&range)) {
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
