#pragma once

#include <expected>
#include <string>
#include <utility>

#include "domain/rejection.h"

// What a call that is refused returns.
namespace fedlog::actors {

inline std::unexpected<domain::Rejection> rejected(domain::Reason reason, std::string message,
                                                   std::string field = {}) {
  return std::unexpected(
      domain::Rejection{.reason = reason, .message = std::move(message), .field = std::move(field)});
}

inline std::unexpected<domain::Rejection> not_permitted() {
  return rejected(domain::Reason::permission_denied, "You do not have permission to perform this action.");
}

}  // namespace fedlog::actors
