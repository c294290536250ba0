#pragma once

#include <expected>
#include <variant>
#include <vector>

#include "domain/rejection.h"
#include "domain/rights.h"
#include "domain/user.h"

namespace fedlog::domain {

struct ReplaceToken {
  Caller by;
};

struct ChangePassword {
  Caller by;
  bool old_password_is_right = false;  // superusers need none
};

// Of a user who is deactivated already: no error. So with activating.
struct DeactivateUser {
  Caller by;
  bool other_superusers = true;  // whether another superuser is active
};

struct ActivateUser {
  Caller by;
};

using UserCommand = std::variant<ReplaceToken, ChangePassword, DeactivateUser, ActivateUser>;

// Users see to their own token and password, superusers to everybody's accounts. Pure.
[[nodiscard]] std::expected<std::vector<UserEvent>, Rejection> decide(const User& user,
                                                                      const UserCommand& command);

}  // namespace fedlog::domain
