#pragma once

#include "actors/gateway.h"
#include "config/settings.h"
#include "http/authentication.h"
#include "http/handling.h"
#include "http/router.h"

namespace fedlog::http {

// The whole API over one gateway: give its answer() to a Server. Any thread.
class Application {
 public:
  // The gateway must outlive it; the settings are copied.
  Application(actors::Gateway& gateway, config::Settings settings);
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;

  [[nodiscard]] Response answer(const Request& request, BodyReader& body) const {
    return router_.answer(request, body);
  }
  [[nodiscard]] const Router& router() const { return router_; }

  // The largest body that a route accepts: what Server's own limit should be at least.
  [[nodiscard]] std::uint64_t body_bytes_max() const;

 private:
  config::Settings settings_;
  MemoryBudget list_memory_;
  Services services_;
  Authentication authentication_;
  Router router_;
};

}  // namespace fedlog::http
