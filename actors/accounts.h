#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "actors/command_queue.h"
#include "actors/gateway.h"
#include "actors/passwords.h"
#include "domain/group_commands.h"
#include "storage/storage.h"

namespace fedlog::actors {

// Writes the streams of users and groups, and alone decides about names and group numbers: its queue takes
// one command at a time. Passwords and tokens are secrets beside the log. Any thread.
class Accounts {
 public:
  Accounts(caf::actor_system& system, storage::Storage& storage, Passwords::Options options);

  [[nodiscard]] Result<RegisteredUser> register_user(const Registration& registration,
                                                     const std::string& correlation);
  [[nodiscard]] std::optional<domain::User> user_by_token(std::string_view token) const;
  [[nodiscard]] std::optional<domain::User> user_by_password(std::string_view username,
                                                             std::string_view password);
  [[nodiscard]] std::optional<std::string> token_of(domain::UserId user) const;

  [[nodiscard]] Result<domain::Group> create_group(const RequestContext& context, const std::string& name);
  // The group after the command.
  [[nodiscard]] Result<domain::Group> change_group(const RequestContext& context, domain::GroupId group,
                                                   const domain::GroupCommand& command);

  // Whether all of them exist and none is listed twice.
  [[nodiscard]] Result<void> check_users(const std::vector<domain::UserId>& users) const;

 private:
  storage::Storage& storage_;
  Passwords passwords_;
  CommandQueue queue_;
};

}  // namespace fedlog::actors
