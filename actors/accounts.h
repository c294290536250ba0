#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/command_queue.h"
#include "actors/gateway.h"
#include "actors/passwords.h"
#include "actors/sign_in.h"
#include "domain/group_commands.h"
#include "domain/user_commands.h"
#include "storage/storage.h"

namespace fedlog::actors {

// Writes the streams of users and groups, and alone decides about names and group numbers: its queue takes
// one command at a time. Passwords and tokens are secrets beside the log. Any thread.
class Accounts {
 public:
  Accounts(caf::actor_system& system, storage::Storage& storage, Passwords::Options passwords,
           const SignIn::Options& sign_in);

  [[nodiscard]] Result<RegisteredUser> register_user(const Registration& registration,
                                                     const std::string& correlation);
  [[nodiscard]] std::optional<domain::User> user_by_token(std::string_view token) const;
  [[nodiscard]] Result<domain::User> user_by_password(const PasswordSignIn& attempt) {
    return sign_in_.user_by_password(attempt);
  }
  [[nodiscard]] std::optional<std::string> token_of(domain::UserId user) const;

  // As in UserAdministration.
  [[nodiscard]] Result<std::string> replace_token(const RequestContext& context, domain::UserId user);
  [[nodiscard]] Result<void> change_password(const RequestContext& context, domain::UserId user,
                                             const PasswordChange& change);
  [[nodiscard]] Result<domain::User> set_active(const RequestContext& context, domain::UserId user,
                                                bool active, bool even_if_running);
  // As in Gateway.
  [[nodiscard]] Result<domain::User> change_user(const RequestContext& context, domain::UserId user,
                                                 const UserChange& change);

  [[nodiscard]] Result<domain::Group> create_group(const RequestContext& context, const std::string& name);
  // The group after the command.
  [[nodiscard]] Result<domain::Group> change_group(const RequestContext& context, domain::GroupId group,
                                                   const domain::GroupCommand& command);

  // Whether all of them exist and none is listed twice.
  [[nodiscard]] Result<void> check_users(const std::vector<domain::UserId>& users) const;

 private:
  [[nodiscard]] Result<RegisteredUser> register_new(const domain::UserRegistered& event,
                                                    const std::string& password,
                                                    const std::string& idempotency_key,
                                                    const std::string& correlation);
  [[nodiscard]] Result<RegisteredUser> registered_before(std::string_view reply) const;

  // The secrets that change with a command.
  using Secrets = std::function<Result<std::vector<storage::SecretChange>>()>;

  [[nodiscard]] Result<domain::User> known_user(domain::UserId user) const;
  // Carries out what `command` makes of the user as it is then.
  [[nodiscard]] Result<void> carry_out(const RequestContext& context, domain::UserId user,
                                       const std::function<domain::UserCommand(const domain::User&)>& command,
                                       const Secrets& secrets);
  [[nodiscard]] Result<std::vector<storage::SecretChange>> token_secrets(domain::UserId user,
                                                                         const std::string& token) const;
  [[nodiscard]] Result<bool> is_right(const domain::User& user, const PasswordChange& change);
  [[nodiscard]] bool has_other_superusers(domain::UserId user) const;
  [[nodiscard]] std::vector<domain::TrainingId> trainings_run_by(domain::UserId user) const;

  storage::Storage& storage_;
  Passwords passwords_;
  SignIn sign_in_;
  CommandQueue queue_;
};

}  // namespace fedlog::actors
