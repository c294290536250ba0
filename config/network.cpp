#include "config/network.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace fedlog::config {
namespace {

constexpr IpAddress mapped_prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0};
constexpr int mapped_bits = 96;

bool is_mapped(const IpAddress& address) {
  return std::equal(address.begin(), address.begin() + mapped_bits / 8, mapped_prefix.begin());
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

}  // namespace fedlog::config
