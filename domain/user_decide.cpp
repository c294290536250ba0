#include "domain/user_commands.h"

namespace fedlog::domain {
namespace {

using Decision = std::expected<std::vector<UserEvent>, Rejection>;

std::unexpected<Rejection> not_allowed() {
  return std::unexpected(
      Rejection{Reason::permission_denied, "You do not have permission to perform this action."});
}

struct Decide {
  const User& user;

  Decision operator()(const ReplaceToken& c) const {
    if (!may_see_to(c.by, user.id)) return not_allowed();
    return std::vector<UserEvent>{UserTokenReplaced{user.id}};
  }
  Decision operator()(const ChangePassword& c) const {
    if (!may_see_to(c.by, user.id)) return not_allowed();
    if (!may_set_password_without_the_old(c.by) && !c.old_password_is_right) {
      return std::unexpected(Rejection{Reason::invalid_field,
                                       "Your old password was entered incorrectly. Please enter it again.",
                                       "old_password"});
    }
    return std::vector<UserEvent>{UserPasswordChanged{user.id}};
  }
  Decision operator()(const DeactivateUser& c) const {
    if (!may_lock_accounts(c.by)) return not_allowed();
    if (!user.active) return {};
    if (user.superuser && !c.other_superusers) {
      return std::unexpected(
          Rejection{Reason::invalid_request, "The last active superuser cannot be deactivated."});
    }
    return std::vector<UserEvent>{UserDeactivated{user.id}};
  }
  Decision operator()(const ActivateUser& c) const {
    if (!may_lock_accounts(c.by)) return not_allowed();
    if (user.active) return {};
    return std::vector<UserEvent>{UserActivated{user.id}};
  }
};

}  // namespace

Decision decide(const User& user, const UserCommand& command) {
  return std::visit(Decide{user}, command);
}

}  // namespace fedlog::domain
