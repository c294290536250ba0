#pragma once

#include <string>
#include <variant>
#include <vector>

#include "domain/fields.h"
#include "domain/identifiers.h"

namespace fedlog::domain {

// An account. `actor` and `client` are what its owner declared at registration; rights never depend on them.
// Passwords and tokens are secrets, kept beside the event log, never in it. Who is not active cannot sign in.
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
  bool active = true;

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
                      field("created", &User::created),
                      field("active", &User::active)};
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

// The user has another token; the one before is worth nothing any more.
struct UserTokenReplaced {
  static constexpr std::string_view type = "UserTokenReplaced";
  static constexpr int revision = 1;
  UserId user;
  static constexpr auto fields() { return std::tuple{field("user", &UserTokenReplaced::user)}; }
  bool operator==(const UserTokenReplaced&) const = default;
};

struct UserPasswordChanged {
  static constexpr std::string_view type = "UserPasswordChanged";
  static constexpr int revision = 1;
  UserId user;
  static constexpr auto fields() { return std::tuple{field("user", &UserPasswordChanged::user)}; }
  bool operator==(const UserPasswordChanged&) const = default;
};

struct UserDeactivated {
  static constexpr std::string_view type = "UserDeactivated";
  static constexpr int revision = 1;
  UserId user;
  static constexpr auto fields() { return std::tuple{field("user", &UserDeactivated::user)}; }
  bool operator==(const UserDeactivated&) const = default;
};

struct UserActivated {
  static constexpr std::string_view type = "UserActivated";
  static constexpr int revision = 1;
  UserId user;
  static constexpr auto fields() { return std::tuple{field("user", &UserActivated::user)}; }
  bool operator==(const UserActivated&) const = default;
};

using UserEvent =
    std::variant<UserRegistered, UserTokenReplaced, UserPasswordChanged, UserDeactivated, UserActivated>;

void evolve(User& user, const UserEvent& event, Timestamp at);

}  // namespace fedlog::domain
