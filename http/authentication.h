#pragma once

#include "actors/gateway.h"
#include "http/authenticator.h"

namespace fedlog::http {

// Tokens and passwords, as the gateway knows them; the texts of refusals are DRF's. Any thread.
class Authentication final : public Authenticator {
 public:
  // The gateway must outlive this.
  explicit Authentication(actors::Gateway& gateway) : gateway_(gateway) {}

  [[nodiscard]] std::expected<std::optional<Principal>, Response> authenticate(
      const Request& request) override;

 private:
  actors::Gateway& gateway_;
};

}  // namespace fedlog::http
