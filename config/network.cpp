#include "config/network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <span>
#include <stdexcept>

namespace fedlog::config {
namespace {

constexpr IpAddress mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0};
constexpr int mapped_bits = 96;

bool is_mapped(const IpAddress& address) {
  return std::equal(address.begin(), address.begin() + mapped_bits / 8, mapped_prefix.begin());
}

constexpr std::size_t host_name_length_max = 255;
constexpr std::size_t port_length_max = 6;  // with its colon

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// An underscore is in no official name, and in many that networks of containers give.
bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c) || c == '-' || c == '_' || c == '.';
}

IpAddress mapped(std::span<const std::uint8_t, 4> v4) {
  auto address = mapped_prefix;
  std::ranges::copy(v4, address.begin() + mapped_bits / 8);
  return address;
}

// The IPv4 address that an IPv6 one leads to through a translator or a tunnel, or in the old "compatible"
// form, of which the unspecified address and loopback are none.
std::optional<IpAddress> embedded_v4(const IpAddress& address) {
  static const auto compatible = *parse_network("::/96");
  static const auto unspecified_and_loopback = *parse_network("::/127");
  static const auto nat64 = *parse_network("64:ff9b::/96");
  static const auto six_to_four = *parse_network("2002::/16");
  const std::span all{address};
  if (nat64.contains(address)) return mapped(all.last<4>());
  if (six_to_four.contains(address)) return mapped(all.subspan<2, 4>());
  if (compatible.contains(address) && !unspecified_and_loopback.contains(address))
    return mapped(all.last<4>());
  return std::nullopt;
}

std::vector<Network> parsed(const std::vector<std::string>& texts) {
  std::vector<Network> networks;
  for (const auto& text : texts) {
    const auto network = parse_network(text);
    if (!network) throw std::invalid_argument("no network: " + text);
    networks.push_back(*network);
  }
  return networks;
}

}  // namespace

std::optional<IpAddress> parse_ip_address(std::string_view text) {
  if (text.size() >= INET6_ADDRSTRLEN || text.contains('\0')) return std::nullopt;
  const std::string terminated{text};
  auto address = mapped_prefix;
  if (::inet_pton(AF_INET, terminated.c_str(), &address[mapped_bits / 8]) == 1) return address;
  if (::inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1) return address;
  return std::nullopt;
}

std::string ip_address_text(const IpAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (is_mapped(address)) {
    ::inet_ntop(AF_INET, &address[mapped_bits / 8], text.data(), text.size());
  } else {
    ::inet_ntop(AF_INET6, address.data(), text.data(), text.size());
  }
  return text.data();
}

bool Network::contains(const IpAddress& other) const {
  const auto whole = static_cast<std::size_t>(prefix_bits / 8);
  if (!std::equal(address.begin(), address.begin() + whole, other.begin())) return false;
  const int rest = prefix_bits % 8;
  return rest == 0 || ((address[whole] ^ other[whole]) >> (8 - rest)) == 0;
}

std::optional<Network> parse_network(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = parse_ip_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  Network network{.address = *address};
  if (slash != std::string_view::npos) {
    const auto digits = text.substr(slash + 1);
    const bool v4 = !text.substr(0, slash).contains(':');
    unsigned bits = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    if (bits > (v4 ? 32U : 128U)) return std::nullopt;
    network.prefix_bits = static_cast<int>(bits) + (v4 ? mapped_bits : 0);
  }
  auto masked = *address;
  for (int bit = network.prefix_bits; bit < 128; ++bit) {
    masked[static_cast<std::size_t>(bit / 8)] &= static_cast<std::uint8_t>(~(0x80U >> (bit % 8)));
  }
  return masked == *address ? std::optional{network} : std::nullopt;
}

NetworkRules::NetworkRules(const std::vector<std::string>& allowed, const std::vector<std::string>& denied)
    : allowed_(parsed(allowed)), denied_(parsed(denied)) {}

bool NetworkRules::permits(const IpAddress& address) const {
  const auto inner = embedded_v4(address);
  return permits_itself(address) && (!inner || permits_itself(*inner));
}

bool NetworkRules::permits_itself(const IpAddress& address) const {
  const auto covers = [&](const Network& network) {
    const bool v4 = network.prefix_bits >= mapped_bits && is_mapped(network.address);
    return v4 == is_mapped(address) && network.contains(address);
  };
  return (allowed_.empty() || std::ranges::any_of(allowed_, covers)) && std::ranges::none_of(denied_, covers);
}

std::optional<std::string> host_name(std::string_view host) {
  const bool bracketed = host.starts_with('[');
  const auto name_end = bracketed ? host.find(']') + 1 : std::min(host.find(':'), host.size());
  const auto name = host.substr(0, name_end);
  const auto port = host.substr(name.size());
  if (name.empty() || name.size() > host_name_length_max) return std::nullopt;
  if (!port.empty() && (port.front() != ':' || !std::ranges::all_of(port.substr(1), is_digit) ||
                        port.size() > port_length_max)) {
    return std::nullopt;
  }
  if (bracketed) {
    const auto address = name.substr(1, name.size() - 2);
    if (!address.contains(':') || !parse_ip_address(address)) return std::nullopt;
  } else if (!std::ranges::all_of(name, is_host_character)) {
    return std::nullopt;
  }
  std::string result{name};
  std::ranges::transform(result, result.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return result;
}

bool is_host_pattern(std::string_view text) {
  if (text == "*") return true;
  if (text.starts_with('.')) text.remove_prefix(1);
  // With a port or in capitals it would never fit.
  return host_name(text) == text && !text.starts_with('.');
}

bool fits_host_pattern(std::string_view name, std::string_view pattern) {
  if (pattern == "*" || name == pattern) return true;
  return pattern.starts_with('.') && (name.ends_with(pattern) || name == pattern.substr(1));
}

}  // namespace fedlog::config
