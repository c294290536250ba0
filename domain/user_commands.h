#pragma once

#include <expected>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "domain/rejection.h"
#include "domain/rights.h"
#include "domain/user.h"

namespace fedlog::domain {

// What is none stays as it was.
struct ChangeUser {
  Caller by;
  std::optional<std::string> first_name = {};
  std::optional<std::string> last_name = {};
  std::optional<std::string> email = {};
  std::optional<std::string> message_endpoint = {};
  std::optional<bool> webhook_secret = {};  // true: there is a new one; false: there is none from now on
};

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
  bool other_superusers = true;          // whether another superuser is active
  std::vector<TrainingId> running = {};  // trainings of which the user is the actor
  bool even_if_running = false;
};

struct ActivateUser {
  Caller by;
};

using UserCommand = std::variant<ChangeUser, ReplaceToken, ChangePassword, DeactivateUser, ActivateUser>;

// Users see to their own token and password, superusers to everybody's accounts. Pure.
[[nodiscard]] std::expected<std::vector<UserEvent>, Rejection> decide(const User& user,
                                                                      const UserCommand& command);

}  // namespace fedlog::domain
