#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "config/network.h"
#include "http/message.h"

namespace fedlog::http {

// Says for whom a request came through proxies, of which only some are believed.
class TrustedProxies {
 public:
  // Addresses and networks as config::parse_network reads them; throws std::invalid_argument for others.
  explicit TrustedProxies(const std::vector<std::string>& networks);

  [[nodiscard]] bool contains(std::string_view address) const;

  // Overwrites the request's `remote_address` and `scheme`, which are the connection's, if that comes from a
  // trusted proxy: the address by X-Forwarded-For, of which the last one counts that is no trusted proxy's
  // (what stands in front of it, or of something unreadable, is anybody's claim); the scheme by
  // X-Forwarded-Proto, if that is one "http" or "https".
  void apply(Request& request) const;

 private:
  std::vector<config::Network> networks_;
};

// Whom limits and turns count as one: an IPv4 address, or the /64 network of an IPv6 address, since that is
// what one host is given.
[[nodiscard]] std::string origin_of(std::string_view address);

}  // namespace fedlog::http
