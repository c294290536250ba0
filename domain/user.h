#pragma once

#include <string>
#include <variant>
#include <vector>

#include "domain/fields.h"
#include "domain/identifiers.h"

namespace fedlog::domain {

// An account. `actor` and `client` are what its owner declared at registration; rights never depend on them.
// Passwords and tokens are secrets, kept beside the event log, never in it.
struct User {
  UserId id;
  Personal username;
  Personal first_name;
  Personal last_name;
  Personal email;
  Personal message_endpoint;
  bool actor = false;
  bool client = false;
  bool superuser = false;
  std::vector<GroupId> groups;
  Timestamp created;

  static constexpr auto fields() {
    return std::tuple{field("id", &User::id),
                      field("username", &User::username),
                      field("first_name", &User::first_name),
                      field("last_name", &User::last_name),
                      field("email", &User::email),
                      field("message_endpoint", &User::message_endpoint),
                      field("actor", &User::actor),
                      field("client", &User::client),
                      field("superuser", &User::superuser),
                      field("groups", &User::groups),
                      field("created", &User::created)};
  }
  bool operator==(const User&) const = default;
};

struct UserRegistered {
  static constexpr std::string_view type = "UserRegistered";
  static constexpr int revision = 1;
  UserId user;
  Personal username;
  Personal first_name;
  Personal last_name;
  Personal email;
  Personal message_endpoint;
  bool actor = false;
  bool client = false;
  bool superuser = false;

  static constexpr auto fields() {
    return std::tuple{field("user", &UserRegistered::user),
                      field("username", &UserRegistered::username),
                      field("first_name", &UserRegistered::first_name),
                      field("last_name", &UserRegistered::last_name),
                      field("email", &UserRegistered::email),
                      field("message_endpoint", &UserRegistered::message_endpoint),
                      field("actor", &UserRegistered::actor),
                      field("client", &UserRegistered::client),
                      field("superuser", &UserRegistered::superuser)};
  }
  bool operator==(const UserRegistered&) const = default;
};

using UserEvent = std::variant<UserRegistered>;

void evolve(User& user, const UserEvent& event, Timestamp at);

}  // namespace fedlog::domain
