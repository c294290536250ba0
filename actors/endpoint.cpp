#include "actors/endpoint.h"

#include <arpa/inet.h>

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

bool is_host_name(std::string_view text) {
  return text.size() <= 253 && std::ranges::all_of(text, [](char c) {
           const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
           return letter || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
         });
}

bool is_ipv6(const std::string& text) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

// Bytes that are no ASCII, percent-encoded as browsers do it.
std::string ascii_of(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string result;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      result += c;
    } else {
      result += {'%', digits[byte >> 4], digits[byte & 0xF]};
    }
  }
  return result;
}

}  // namespace

std::expected<Endpoint, std::string> Endpoint::parse(std::string_view url) {
  if (has_control_or_space(url)) return std::unexpected("the endpoint contains spaces or control characters");
  Endpoint endpoint;
  if (take_prefix(url, "https://")) {
    endpoint.tls = true;
    endpoint.port = 443;
  } else if (!take_prefix(url, "http://")) {
    return std::unexpected(
        "the endpoint does not begin with http:// or https:// (leave it empty to ask for notifications)");
  }
  url = url.substr(0, url.find('#'));
  const auto authority = url.substr(0, url.find_first_of("/?"));
  const auto rest = url.substr(authority.size());
  endpoint.target = ascii_of(rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest));
  if (authority.contains('@'))
    return std::unexpected(
        "the endpoint contains credentials (a '@' before the path), which are not supported");

  const bool bracketed = authority.starts_with('[');
  const auto host_end = bracketed ? authority.find(']') : authority.find(':');
  if (bracketed && host_end == std::string_view::npos)
    return std::unexpected("the endpoint's host lacks a ']'");
  endpoint.host = authority.substr(bracketed ? 1 : 0, bracketed ? host_end - 1 : host_end);
  if (!bracketed && std::ranges::count(authority, ':') > 1) {
    return std::unexpected(
        "the endpoint's host looks like an IPv6 address without brackets; write it as in http://[::1]:8080/");
  }
  if (endpoint.host.empty()) return std::unexpected("the endpoint has no host");
  if (bracketed && !is_ipv6(endpoint.host)) {
    return std::unexpected("the endpoint's host in brackets is not an IPv6 address");
  }
  if (!bracketed && !is_host_name(endpoint.host)) {
    return std::unexpected(
        "the endpoint's host contains something other than letters, digits, '-', '.' and '_' (of a name in "
        "other "
        "letters, write its xn-- form), or is too long");
  }

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
