#include "actors/endpoint.h"

#include <algorithm>
#include <charconv>

namespace fedlog::actors {
namespace {

bool has_control_or_space(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c <= 0x20 || c == 0x7f; });
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
  if (text.size() < prefix.size()) return false;
  for (std::size_t index = 0; index < prefix.size(); ++index) {
    if ((text[index] | 0x20) != prefix[index] && text[index] != prefix[index]) return false;
  }
  text.remove_prefix(prefix.size());
  return true;
}

}  // namespace

std::expected<Endpoint, std::string> Endpoint::parse(std::string_view url) {
  if (has_control_or_space(url)) return std::unexpected("the endpoint contains spaces or control characters");
  Endpoint endpoint;
  if (take_prefix(url, "https://")) {
    endpoint.tls = true;
    endpoint.port = 443;
  } else if (!take_prefix(url, "http://")) {
    return std::unexpected("the endpoint does not begin with http:// or https://");
  }
  url = url.substr(0, url.find('#'));
  const auto authority = url.substr(0, url.find_first_of("/?"));
  const auto rest = url.substr(authority.size());
  endpoint.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  if (authority.contains('@'))
    return std::unexpected("the endpoint contains credentials, which are not supported");

  const bool bracketed = authority.starts_with('[');
  const auto host_end = bracketed ? authority.find(']') : authority.find(':');
  if (bracketed && host_end == std::string_view::npos)
    return std::unexpected("the endpoint's host lacks a ']'");
  endpoint.host = authority.substr(bracketed ? 1 : 0, bracketed ? host_end - 1 : host_end);
  if (endpoint.host.empty()) return std::unexpected("the endpoint has no host");

  const auto after_host = authority.substr(std::min(authority.size(), bracketed ? host_end + 1 : host_end));
  if (after_host.empty()) return endpoint;
  const auto digits = after_host.substr(1);
  const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), endpoint.port);
  const bool whole = parsed.ec == std::errc{} && parsed.ptr == digits.data() + digits.size();
  if (!after_host.starts_with(':') || !whole || endpoint.port < 1 || endpoint.port > 65535) {
    return std::unexpected("the endpoint's port is not a number from 1 to 65535");
  }
  return endpoint;
}

}  // namespace fedlog::actors
