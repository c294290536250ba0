#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>

#include "actors/gateway.h"
#include "domain/rate_limits.h"

namespace fedlog::actors {

// Lets users try their message endpoints, and superusers anybody's, some times a minute: each time the server
// posts to an address of the caller's choice. Any thread.
class Pings {
 public:
  static constexpr std::int64_t per_minute = 6;

  using Post = std::function<Result<PingAnswer>(const domain::User&)>;
  using Clock = std::function<domain::RateLimits::Time()>;

  // `views` must outlive it. `post` may block.
  Pings(
      const storage::Views& views, Post post, Clock clock = [] { return std::chrono::steady_clock::now(); });

  // As in Gateway.
  [[nodiscard]] Result<PingAnswer> ping(const domain::Caller& caller, domain::UserId user);

 private:
  const storage::Views& views_;
  const Post post_;
  const Clock clock_;
  std::mutex mutex_;
  domain::RateLimits callers_;
};

}  // namespace fedlog::actors
