#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/accounts.h"
#include "actors/gateway.h"
#include "actors/mailboxes.h"
#include "actors/notifier.h"
#include "actors/pings.h"

namespace fedlog::actors {

// The gateway's calls about users, groups and notifications, passed on to those who see to them.
class AccountCalls : public Gateway {
 public:
  Result<RegisteredUser> register_user(const Registration& registration,
                                       const std::string& correlation) override {
    return accounts().register_user(registration, correlation);
  }
  std::optional<domain::User> user_by_token(std::string_view token) override {
    return accounts().user_by_token(token);
  }
  Result<domain::User> user_by_password(const PasswordSignIn& attempt) override {
    return accounts().user_by_password(attempt);
  }
  std::optional<std::string> token_of(domain::UserId user) override { return accounts().token_of(user); }
  Result<std::string> replace_token(const RequestContext& context, domain::UserId user) override {
    return accounts().replace_token(context, user);
  }
  Result<void> change_password(const RequestContext& context, domain::UserId user,
                               const PasswordChange& change) override {
    return accounts().change_password(context, user, change);
  }
  Result<domain::User> change_user(const RequestContext& context, domain::UserId id,
                                   const UserChange& change) override {
    const auto before = views().user(id);
    auto user = accounts().change_user(context, id, change);
    const bool moved = user && before && user->message_endpoint != before->message_endpoint;
    if (moved || (user && change.webhook_secret)) notifier().endpoint_changed(id);
    return user;
  }
  Result<domain::User> set_active(const RequestContext& context, domain::UserId user, bool active,
                                  bool even_if_running) override {
    return accounts().set_active(context, user, active, even_if_running);
  }

  Result<PingAnswer> ping(const RequestContext& context, domain::UserId user) override {
    return pings().ping(context.caller, user);
  }
  Result<std::vector<storage::OutboxRow>> notifications(const RequestContext& context,
                                                        std::uint64_t after) override {
    return mailboxes().notifications(context.caller.id, after);
  }
  std::unique_ptr<NotificationWait> await_notification(domain::UserId user) override {
    return mailboxes().wait(user);
  }

  Result<domain::Group> create_group(const RequestContext& context, const std::string& name) override {
    return accounts().create_group(context, name);
  }
  Result<domain::Group> rename_group(const RequestContext& context, domain::GroupId group,
                                     const std::string& name) override {
    return accounts().change_group(context, group, domain::RenameGroup{context.caller, name});
  }
  Result<void> delete_group(const RequestContext& context, domain::GroupId group) override {
    return without_group(accounts().change_group(context, group, domain::DeleteGroup{context.caller}));
  }
  Result<void> add_members(const RequestContext& context, domain::GroupId group,
                           const std::vector<domain::UserId>& users) override {
    if (auto known = accounts().check_users(users); !known) return known;
    return without_group(accounts().change_group(context, group, domain::AddMembers{context.caller, users}));
  }
  Result<void> remove_members(const RequestContext& context, domain::GroupId group,
                              const std::vector<domain::UserId>& users) override {
    return without_group(
        accounts().change_group(context, group, domain::RemoveMembers{context.caller, users}));
  }

 private:
  [[nodiscard]] virtual Accounts& accounts() = 0;
  [[nodiscard]] virtual Mailboxes& mailboxes() = 0;
  [[nodiscard]] virtual Pings& pings() = 0;
  [[nodiscard]] virtual Notifier& notifier() = 0;

  static Result<void> without_group(Result<domain::Group> result) {
    if (!result) return std::unexpected(std::move(result.error()));
    return {};
  }
};

}  // namespace fedlog::actors
