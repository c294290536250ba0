#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace fedlog::config {

// An IP address; IPv4 as "::ffff:a.b.c.d", so that both kinds compare.
using IpAddress = std::array<std::uint8_t, 16>;

// "192.0.2.1" or "2001:db8::1", without brackets, port or zone; nullopt for all else.
[[nodiscard]] std::optional<IpAddress> parse_ip_address(std::string_view text);
// The shortest usual form.
[[nodiscard]] std::string ip_address_text(const IpAddress& address);

struct Network {
  IpAddress address{};
  int prefix_bits = 128;

  [[nodiscard]] bool contains(const IpAddress& other) const;
};

// An address, or a network in CIDR notation such as "10.0.0.0/8", whose bits behind the prefix must be zero.
[[nodiscard]] std::optional<Network> parse_network(std::string_view text);

// Which addresses something may be sent to. An IPv4 address is covered by IPv4 networks only, and one that
// stands for it inside of IPv6 (NAT64, 6to4) has to be permitted as both.
class NetworkRules {
 public:
  // Texts as parse_network reads them; throws std::invalid_argument for others. Without `allowed`, everything
  // is that is not denied.
  NetworkRules(const std::vector<std::string>& allowed, const std::vector<std::string>& denied);

  [[nodiscard]] bool permits(const IpAddress& address) const;

 private:
  [[nodiscard]] bool permits_itself(const IpAddress& address) const;

  std::vector<Network> allowed_;
  std::vector<Network> denied_;
};

// The name in a Host header, in small letters and without the port: "example.org" of "Example.org:8000", an
// IPv6 address with its brackets. Letters, digits, "-", "_" and "." only; nullopt for all else.
[[nodiscard]] std::optional<std::string> host_name(std::string_view host);

// "*" is any host, ".example.org" that name and all below it, all else is one host as host_name() gives it.
[[nodiscard]] bool is_host_pattern(std::string_view text);
[[nodiscard]] bool fits_host_pattern(std::string_view name, std::string_view pattern);

}  // namespace fedlog::config
