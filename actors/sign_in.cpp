#include "actors/sign_in.h"

#include <arpa/inet.h>

#include <algorithm>

namespace fedlog::actors {
namespace {

constexpr std::size_t limited_keys_max = 10'000;

}  // namespace

SignIn::SignIn(storage::Storage& storage, Passwords& passwords, const Options& options,
               Passwords::Clock clock)
    : storage_(storage),
      passwords_(passwords),
      clock_(std::move(clock)),
      addresses_(options.wrong_per_minute_per_address, limited_keys_max),
      names_(options.wrong_per_minute_per_user, limited_keys_max) {}

Result<domain::User> SignIn::user_by_password(const PasswordSignIn& attempt) {
  const auto address = limited_address(attempt.address);
  const auto name = storage_.codec().keys().lookup_digest(attempt.username);  // short, however long the name
  const auto wait = wait_of(address, name);

  auto user = storage_.views().user_by_name(attempt.username);
  if (user && !user->active) user.reset();
  const auto encoded = user ? storage_.journal().secret(password_key(user->id)) : std::nullopt;
  switch (passwords_.verify(attempt.username, attempt.password, encoded, wait.count() > 0)) {
    case Passwords::Verdict::right:
      return std::move(*user);
    case Passwords::Verdict::no_room:
      return std::unexpected(too_many_sign_in());  // not throttled: the password may be the right one
    case Passwords::Verdict::wrong:
      break;
  }
  if (const auto more = wait_after_wrong(address, name); more.count() > 0) {
    return std::unexpected(domain::throttled(more));
  }
  return std::unexpected(domain::Rejection{domain::Reason::wrong_credentials, "Invalid username/password."});
}

std::chrono::seconds SignIn::wait_of(std::string_view address, std::string_view name) {
  const std::lock_guard lock{mutex_};
  const auto now = clock_();
  return std::max(addresses_.wait(address, now), names_.wait(name, now));
}

std::chrono::seconds SignIn::wait_after_wrong(std::string_view address, std::string_view name) {
  const std::lock_guard lock{mutex_};
  const auto now = clock_();
  const auto wait = std::max(addresses_.wait(address, now), names_.wait(name, now));
  if (wait.count() > 0) return wait;
  std::ignore = addresses_.take(address, now);
  std::ignore = names_.take(name, now);
  return wait;
}

std::string password_key(domain::UserId user) {
  return "password/" + user.text();
}

std::string limited_address(const std::string& address) {
  in6_addr parsed{};
  if (::inet_pton(AF_INET6, address.c_str(), &parsed) != 1) return address;
  char text[INET6_ADDRSTRLEN] = {};
  if (IN6_IS_ADDR_V4MAPPED(&parsed)) {
    ::inet_ntop(AF_INET, &parsed.s6_addr[12], text, sizeof text);
    return text;
  }
  std::fill(parsed.s6_addr + 8, parsed.s6_addr + 16, std::uint8_t{0});
  ::inet_ntop(AF_INET6, &parsed, text, sizeof text);
  return std::string(text) + "/64";
}

domain::Rejection too_many_sign_in() {
  return {.reason = domain::Reason::busy,
          .message =
              "Too many passwords are being checked at this moment. Try again in a second, or use a token.",
          .field = {},
          .retry_after_s = 1};
}

}  // namespace fedlog::actors
