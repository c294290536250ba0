#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>

#include "actors/gateway.h"
#include "actors/passwords.h"
#include "domain/rate_limits.h"
#include "storage/storage.h"

namespace fedlog::actors {

// Signs users in with name and password, and sees to it that passwords cannot be guessed in large numbers: of
// one address (an IPv6 network counts as one) and for one name, only so many wrong ones a minute are told so,
// the others are told to come later. A right password is right all the same. Names that nobody has cost and
// count as others do. Any thread.
class SignIn {
 public:
  struct Options {
    std::int64_t wrong_per_minute_per_address = 60;  // 0: no limit
    std::int64_t wrong_per_minute_per_user = 60;     // likewise
  };

  // The storage and the passwords must outlive it.
  SignIn(
      storage::Storage& storage, Passwords& passwords, const Options& options,
      Passwords::Clock clock = [] { return std::chrono::steady_clock::now(); });

  // Rejections: wrong_credentials, throttled, busy.
  [[nodiscard]] Result<domain::User> user_by_password(const PasswordSignIn& attempt);

 private:
  [[nodiscard]] std::chrono::seconds wait_of(std::string_view address, std::string_view name);
  // Counts a wrong password, and tells whether it is one too many.
  [[nodiscard]] std::chrono::seconds wait_after_wrong(std::string_view address, std::string_view name);

  storage::Storage& storage_;
  Passwords& passwords_;
  Passwords::Clock clock_;
  std::mutex mutex_;
  domain::RateLimits addresses_;
  domain::RateLimits names_;
};

// Where a user's password hash lies beside the log.
[[nodiscard]] std::string password_key(domain::UserId user);

// What counts as one address: an IPv4 address, the first half of an IPv6 address, or the text as it is.
[[nodiscard]] std::string limited_address(const std::string& address);

// When every place to wait for a hash is taken.
[[nodiscard]] domain::Rejection too_many_sign_in();

}  // namespace fedlog::actors
