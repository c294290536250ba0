#pragma once

#include <expected>
#include <optional>
#include <string>

#include "domain/identifiers.h"
#include "http/message.h"

namespace fedlog::http {

// Who sent a request.
struct Principal {
  domain::UserId id;
  bool superuser = false;
  std::string username;
};

// Finds out who sent a request. Called from many threads at once.
class Authenticator {
 public:
  Authenticator() = default;
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;
  virtual ~Authenticator() = default;

  // Nothing if the request brings no credentials that we know; otherwise who it is, or the answer to
  // credentials that are wrong (401), come too often (429) or cannot be checked now (503).
  [[nodiscard]] virtual std::expected<std::optional<Principal>, Response> authenticate(
      const Request& request) = 0;
};

}  // namespace fedlog::http
