#include "http/forwarded.h"

#include <algorithm>
#include <stdexcept>

namespace fedlog::http {

TrustedProxies::TrustedProxies(const std::vector<std::string>& networks) {
  for (const auto& text : networks) {
    const auto network = config::parse_network(text);
    if (!network) throw std::invalid_argument("neither an address nor a network: \"" + text + "\"");
    networks_.push_back(*network);
  }
}

bool TrustedProxies::contains(std::string_view address) const {
  if (networks_.empty()) return false;
  const auto parsed = config::parse_ip_address(address);
  return parsed && std::ranges::any_of(
                       networks_, [&](const config::Network& network) { return network.contains(*parsed); });
}

void TrustedProxies::apply(Request& request) const {
  if (!contains(request.remote_address)) return;
  std::vector<std::string_view> hops;
  const std::string_view* scheme = nullptr;
  std::string_view claimed;
  for (const auto& [name, value] : request.headers) {
    if (equals_ignoring_case(name, "X-Forwarded-For")) {
      std::string_view rest = value;
      while (true) {
        const auto comma = rest.find(',');
        hops.push_back(trimmed(rest.substr(0, comma)));
        if (comma == std::string_view::npos) break;
        rest.remove_prefix(comma + 1);
      }
    } else if (equals_ignoring_case(name, "X-Forwarded-Proto")) {
      // Two of them contradict each other, or are one client's and one proxy's.
      claimed = scheme == nullptr ? std::string_view{value} : std::string_view{};
      scheme = &claimed;
    }
  }
  for (auto hop = hops.rbegin(); hop != hops.rend(); ++hop) {
    const auto address = config::parse_ip_address(*hop);
    if (!address) break;
    request.remote_address = config::ip_address_text(*address);
    if (!contains(request.remote_address)) break;
  }
  for (const std::string_view known : {"http", "https"}) {
    if (equals_ignoring_case(claimed, known)) request.scheme = known;
  }
}

std::string origin_of(std::string_view address) {
  if (!address.contains(':')) return std::string{address};
  auto parsed = config::parse_ip_address(address);
  if (!parsed) return std::string{address};
  std::fill(parsed->begin() + 8, parsed->end(), std::uint8_t{0});
  return config::ip_address_text(*parsed) + "/64";
}

}  // namespace fedlog::http
