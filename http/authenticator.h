#pragma once

#include <expected>
#include <optional>

#include "domain/user.h"
#include "http/message.h"

namespace fedlog::http {

// Finds out who sent a request. Called from many threads at once.
class Authenticator {
 public:
  Authenticator() = default;
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;
  virtual ~Authenticator() = default;

  // Nothing if the request brings no credentials that we know; otherwise who it is, or the answer to
  // credentials that are wrong (401), come too often (429) or cannot be checked now (503).
  [[nodiscard]] virtual std::expected<std::optional<domain::User>, Response> authenticate(
      const Request& request) = 0;
};

}  // namespace fedlog::http
