#include "http/request_head.h"

#include <algorithm>
#include <charconv>

#include "http/form.h"

namespace fedlog::http {

namespace {

constexpr std::size_t method_bytes_max = 32;
constexpr std::size_t request_id_bytes_max = 128;
constexpr std::size_t query_parameters_max = 1000;

bool is_alphanumeric(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_token_character(char c) {
  return is_alphanumeric(c) || std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos;
}

bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_character);
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

std::unexpected<HeadError> refuse(int status, std::string detail) {
  return std::unexpected{HeadError{status, std::move(detail)}};
}

// Does a comma-separated list name `item`?
bool lists(std::string_view list, std::string_view item) {
  while (!list.empty()) {
    const auto part = list.substr(0, list.find(','));
    if (equals_ignoring_case(trimmed(part), item)) return true;
    list.remove_prefix(std::min(list.size(), part.size() + 1));
  }
  return false;
}

std::expected<void, HeadError> parse_target(std::string_view target, Request& request) {
  if (std::ranges::any_of(target, is_control))
    return refuse(400, "The request target has control characters.");
  if (target.starts_with("http://") || target.starts_with("https://")) {
    // The absolute form, which proxies send: only the path counts here.
    const auto path = target.find_first_of("/?", target.find("//") + 2);
    target = path == std::string_view::npos ? "/" : target.substr(path);
  }
  const auto question = target.find('?');
  request.raw_path = target.substr(0, question);
  if (question != std::string_view::npos) request.raw_query = target.substr(question + 1);
  if (request.raw_path != "*" && !request.raw_path.starts_with('/')) {
    return refuse(400, "The request target must start with \"/\".");
  }
  auto path = percent_decode_strictly(request.raw_path);
  if (!path) return refuse(400, "The request target cannot be decoded: " + path.error() + ".");
  if (std::ranges::any_of(*path, is_control)) return refuse(400, "The path has control characters.");
  if (!is_valid_utf8(*path)) return refuse(400, "The path is not UTF-8.");
  request.path = std::move(*path);
  auto query = parse_urlencoded(request.raw_query, query_parameters_max);
  if (!query) return refuse(400, "The query has " + query.error() + ".");
  request.query = std::move(*query);
  return {};
}

std::expected<void, HeadError> parse_request_line(std::string_view line, Request& request) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) {
    return refuse(400, "The request line must be: method, target, version.");
  }
  const auto method = line.substr(0, first);
  const auto target = line.substr(first + 1, last - first - 1);
  const auto version = line.substr(last + 1);
  if (!is_token(method)) return refuse(400, "The method is no token.");
  if (method.size() > method_bytes_max) return refuse(501, "The method is not known.");
  if (target.empty() || target.find(' ') != std::string_view::npos) {
    return refuse(400, "The request target has spaces.");
  }
  if (version == "HTTP/1.0") {
    request.version = Version::http_1_0;
  } else if (version != "HTTP/1.1") {
    if (version.starts_with("HTTP/")) return refuse(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
    return refuse(400, "The request line must be: method, target, version.");
  }
  request.method = method;
  return parse_target(target, request);
}

std::expected<void, HeadError> parse_field(std::string_view line, Headers& headers) {
  const auto colon = line.find(':');
  // A name that is no token also catches folded lines and space before the colon.
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) {
    return refuse(400, "A header line is malformed.");
  }
  const auto value = trimmed(line.substr(colon + 1));
  if (std::ranges::any_of(value, [](char c) { return is_control(c) && c != '\t'; })) {
    return refuse(400, "A header value has control characters.");
  }
  headers.add(std::string{line.substr(0, colon)}, std::string{value});
  return {};
}

std::expected<BodyFraming, HeadError> parse_framing(const Request& request) {
  const auto& headers = request.headers;
  BodyFraming framing;
  const auto lengths = headers.count("Content-Length");
  const auto encodings = headers.count("Transfer-Encoding");
  if (lengths > 1) return refuse(400, "More than one Content-Length.");
  if (lengths > 0 && encodings > 0) return refuse(400, "Both Content-Length and Transfer-Encoding.");
  if (encodings > 0) {
    if (request.version == Version::http_1_0) return refuse(400, "HTTP/1.0 has no Transfer-Encoding.");
    if (encodings > 1 || !equals_ignoring_case(headers.get("Transfer-Encoding"), "chunked")) {
      return refuse(501, "The only Transfer-Encoding known here is chunked.");
    }
    framing.chunked = true;
  }
  if (lengths > 0) {
    const auto text = headers.get("Content-Length");
    const auto result = std::from_chars(text.data(), text.data() + text.size(), framing.length_bytes);
    if (result.ec != std::errc{} || result.ptr != text.data() + text.size()) {
      return refuse(400, "Content-Length is no number.");
    }
  }
  if (const auto* expect = headers.find("Expect"); expect && request.version == Version::http_1_1) {
    if (!equals_ignoring_case(*expect, "100-continue")) {
      return refuse(417, "The only expectation known here is 100-continue.");
    }
    framing.expects_continue = framing.chunked || framing.length_bytes > 0;
  }
  return framing;
}

bool is_usable_request_id(std::string_view id) {
  return !id.empty() && id.size() <= request_id_bytes_max && std::ranges::all_of(id, [](char c) {
    return is_alphanumeric(c) || c == '.' || c == '_' || c == '-';
  });
}

bool keeps_alive(const Request& request) {
  const auto connection = request.headers.get("Connection");
  if (lists(connection, "close")) return false;
  return request.version == Version::http_1_1 || lists(connection, "keep-alive");
}

}  // namespace

std::expected<std::optional<std::size_t>, HeadError> find_head_end(std::string_view input,
                                                                   std::size_t& scanned_bytes,
                                                                   const HeadLimits& limits) {
  // Empty lines in front are allowed (RFC 9112 2.2); they count toward the limit.
  const auto start = std::min(input.find_first_not_of("\r\n"), input.size());
  if (start < input.size() && !is_token_character(input[start]))
    return refuse(400, "This is no HTTP request.");
  const auto visible = input.substr(0, limits.bytes_max);
  for (auto line_end = visible.find('\n', std::max(scanned_bytes, start)); line_end != std::string_view::npos;
       line_end = visible.find('\n', line_end + 1)) {
    if (line_end == 0 || visible[line_end - 1] != '\r') {
      return refuse(400, "Lines of the head must end in CR LF.");
    }
    if (visible.substr(0, line_end + 1).ends_with("\r\n\r\n")) return line_end + 1;
  }
  scanned_bytes = visible.size();
  if (visible.size() == limits.bytes_max) {
    return refuse(431, "The request's head is larger than " + std::to_string(limits.bytes_max) + " bytes.");
  }
  return std::nullopt;
}

std::expected<RequestHead, HeadError> parse_request_head(std::string_view head, const HeadLimits& limits) {
  head.remove_prefix(std::min(head.find_first_not_of("\r\n"), head.size()));
  RequestHead result;
  auto& request = result.request;
  bool first = true;
  while (!head.empty()) {
    const auto line = head.substr(0, head.find("\r\n"));
    head.remove_prefix(std::min(head.size(), line.size() + 2));
    if (line.empty()) break;
    if (request.headers.size() == limits.fields_max) {
      return refuse(431, "More than " + std::to_string(limits.fields_max) + " header fields.");
    }
    const auto parsed = first ? parse_request_line(line, request) : parse_field(line, request.headers);
    if (!parsed) return std::unexpected{parsed.error()};
    first = false;
  }
  if (first) return refuse(400, "This is no HTTP request.");
  const auto hosts = request.headers.count("Host");
  if (hosts > 1 || (hosts == 0 && request.version == Version::http_1_1)) {
    return refuse(400, "A request has exactly one Host.");
  }
  const auto framing = parse_framing(request);
  if (!framing) return std::unexpected{framing.error()};
  result.framing = *framing;
  result.keep_alive = keeps_alive(request);
  if (const auto id = request.headers.get("X-Request-ID"); is_usable_request_id(id)) request.id = id;
  return result;
}

}  // namespace fedlog::http
