#include "http/authentication.h"

#include <variant>

#include "http/basic_credentials.h"
#include "http/errors.h"

namespace fedlog::http {

std::expected<std::optional<Principal>, Response> Authentication::authenticate(const Request& request) {
  const auto* header = request.headers.find("Authorization");
  if (header == nullptr) return std::nullopt;
  const auto credentials = parse_authorization(*header);
  if (!credentials) return std::unexpected(unauthorized_response(credentials.error()));

  std::optional<domain::User> user;
  if (const auto* token = std::get_if<TokenCredentials>(&*credentials)) {
    user = gateway_.user_by_token(token->token);
    if (!user) return std::unexpected(unauthorized_response("Invalid token."));
  } else if (const auto* basic = std::get_if<BasicCredentials>(&*credentials)) {
    user = gateway_.user_by_password(basic->username, basic->password);
    if (!user) return std::unexpected(unauthorized_response("Invalid username/password."));
  } else {
    return std::nullopt;
  }
  return Principal{.id = user->id, .superuser = user->superuser, .username = user->username.text};
}

}  // namespace fedlog::http
