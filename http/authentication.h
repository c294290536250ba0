#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>

#include "actors/gateway.h"
#include "domain/rate_limits.h"
#include "http/authenticator.h"

namespace fedlog::http {

// Tokens and passwords, as the gateway knows them, and how often a user may ask; the texts of refusals are
// DRF's. Any thread.
class Authentication final : public Authenticator {
 public:
  using Clock = std::function<domain::RateLimits::Time()>;

  // The gateway must outlive this. Of `requests_per_minute_per_user` 0 is no limit.
  explicit Authentication(
      actors::Gateway& gateway, std::int64_t requests_per_minute_per_user = 0,
      Clock clock = [] { return std::chrono::steady_clock::now(); });

  [[nodiscard]] std::expected<std::optional<domain::User>, Response> authenticate(
      const Request& request) override;

 private:
  [[nodiscard]] std::expected<std::optional<domain::User>, Response> admitted(domain::User user);

  actors::Gateway& gateway_;
  Clock clock_;
  const bool limited_;
  std::mutex mutex_;
  domain::RateLimits requests_;
};

}  // namespace fedlog::http
