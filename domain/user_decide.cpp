#include <algorithm>

#include "domain/user_commands.h"

namespace fedlog::domain {
namespace {

using Decision = std::expected<std::vector<UserEvent>, Rejection>;

std::unexpected<Rejection> not_allowed() {
  return std::unexpected(
      Rejection{Reason::permission_denied, "You do not have permission to perform this action."});
}

constexpr std::size_t named_trainings_max = 10;

std::unexpected<Rejection> runs_trainings(const std::vector<TrainingId>& trainings) {
  std::string ids;
  for (std::size_t index = 0; index < std::min(trainings.size(), named_trainings_max); ++index) {
    ids += (index == 0 ? "" : ", ") + trainings[index].text();
  }
  if (trainings.size() > named_trainings_max) {
    ids += " and " + std::to_string(trainings.size() - named_trainings_max) + " more";
  }
  return std::unexpected(Rejection{
      Reason::invalid_request,
      "The user runs trainings that are not over: " + ids +
          ". Cancel them or wait for their end, or send {\"x_even_if_running\": true}; then they go "
          "on, and only superusers can pause, resume and cancel them."});
}

// The new value if it is another one.
std::optional<Personal> changed(const Personal& now, const std::optional<std::string>& wanted) {
  if (!wanted || *wanted == now.text) return std::nullopt;
  return Personal{*wanted};
}

struct Decide {
  const User& user;

  Decision operator()(const ChangeUser& c) const {
    if (!may_see_to(c.by, user.id)) return not_allowed();
    std::vector<UserEvent> events;
    UserChanged change{.user = user.id,
                       .first_name = changed(user.first_name, c.first_name),
                       .last_name = changed(user.last_name, c.last_name),
                       .email = changed(user.email, c.email),
                       .message_endpoint = changed(user.message_endpoint, c.message_endpoint)};
    if (change !=
        UserChanged{
            .user = user.id, .first_name = {}, .last_name = {}, .email = {}, .message_endpoint = {}}) {
      events.emplace_back(std::move(change));
    }
    // A secret is not known here, so a new one may be the old one.
    if (c.webhook_secret && (*c.webhook_secret || user.webhook_secret_set)) {
      events.emplace_back(UserWebhookSecretChanged{user.id, *c.webhook_secret});
    }
    return events;
  }

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
    if (!c.running.empty() && !c.even_if_running) return runs_trainings(c.running);
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
