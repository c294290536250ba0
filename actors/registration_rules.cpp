#include "actors/registration_rules.h"

#include "actors/endpoint.h"
#include "domain/user.h"

namespace fedlog::actors {

std::optional<domain::Rejection> wrong_registration(const Registration& registration) {
  if (registration.username.contains(':')) {
    return domain::Rejection{
        domain::Reason::invalid_field,
        "A username may not contain ':': HTTP's Basic authentication ends the name with it.", "username"};
  }
  return wrong_endpoint(registration.message_endpoint);
}

std::optional<domain::Rejection> wrong_endpoint(const std::string& endpoint) {
  if (domain::is_polled(endpoint)) return std::nullopt;
  const auto parsed = Endpoint::parse(endpoint);
  if (parsed) return std::nullopt;
  return domain::Rejection{domain::Reason::invalid_field, "Enter a valid URL: " + parsed.error() + ".",
                           "message_endpoint"};
}

}  // namespace fedlog::actors
