#pragma once

#include <optional>
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
  bool webhook_secret_set = false;  // what is posted to the endpoint is signed

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
                      field("active", &User::active),
                      field("webhook_secret_set", &User::webhook_secret_set)};
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

// What is none stays as it was.
struct UserChanged {
  static constexpr std::string_view type = "UserChanged";
  static constexpr int revision = 1;
  UserId user;
  std::optional<Personal> first_name;
  std::optional<Personal> last_name;
  std::optional<Personal> email;
  std::optional<Personal> message_endpoint;

  static constexpr auto fields() {
    return std::tuple{field("user", &UserChanged::user), field("first_name", &UserChanged::first_name),
                      field("last_name", &UserChanged::last_name), field("email", &UserChanged::email),
                      field("message_endpoint", &UserChanged::message_endpoint)};
  }
  bool operator==(const UserChanged&) const = default;
};

// The user has another secret to sign notifications with, or none any more.
struct UserWebhookSecretChanged {
  static constexpr std::string_view type = "UserWebhookSecretChanged";
  static constexpr int revision = 1;
  UserId user;
  bool set = false;
  static constexpr auto fields() {
    return std::tuple{field("user", &UserWebhookSecretChanged::user),
                      field("set", &UserWebhookSecretChanged::set)};
  }
  bool operator==(const UserWebhookSecretChanged&) const = default;
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

using UserEvent = std::variant<UserRegistered, UserChanged, UserWebhookSecretChanged, UserTokenReplaced,
                               UserPasswordChanged, UserDeactivated, UserActivated>;

// Whether nothing is ever posted to it: its user asks for notifications. Empty, or "poll:" and any note.
[[nodiscard]] bool is_polled(std::string_view message_endpoint);

void evolve(User& user, const UserEvent& event, Timestamp at);

}  // namespace fedlog::domain
