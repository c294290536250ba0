#include "http/authentication.h"

#include <variant>

#include "http/basic_credentials.h"
#include "http/errors.h"
#include "http/rejections.h"

namespace fedlog::http {

namespace {

constexpr std::size_t limited_users_max = 100'000;

}  // namespace

Authentication::Authentication(actors::Gateway& gateway, std::int64_t requests_per_minute_per_user,
                               Clock clock)
    : gateway_(gateway),
      clock_(std::move(clock)),
      limited_(requests_per_minute_per_user > 0),
      requests_(requests_per_minute_per_user, limited_users_max) {}

std::expected<std::optional<domain::User>, Response> Authentication::authenticate(const Request& request) {
  const auto* header = request.headers.find("Authorization");
  if (header == nullptr) return std::nullopt;
  auto credentials = parse_authorization(*header);
  if (!credentials) return std::unexpected(unauthorized_response(credentials.error()));

  if (const auto* token = std::get_if<TokenCredentials>(&*credentials)) {
    auto user = gateway_.user_by_token(token->token);
    if (!user) return std::unexpected(unauthorized_response("Invalid token."));
    if (!user->active) return std::unexpected(unauthorized_response("User inactive or deleted."));
    return admitted(*std::move(user));
  }
  if (auto* basic = std::get_if<BasicCredentials>(&*credentials)) {
    auto user = gateway_.user_by_password({.username = std::move(basic->username),
                                           .password = std::move(basic->password),
                                           .address = request.remote_address});
    if (!user) return std::unexpected(rejection_response(user.error()));
    return admitted(*std::move(user));
  }
  return std::nullopt;
}

std::expected<std::optional<domain::User>, Response> Authentication::admitted(domain::User user) {
  if (limited_) {
    const std::lock_guard lock{mutex_};
    const auto wait = requests_.take(user.id.text(), clock_());
    if (wait.count() > 0) return std::unexpected(rejection_response(domain::throttled(wait)));
  }
  return user;
}

}  // namespace fedlog::http
