#include "domain/user.h"

#include "domain/overloaded.h"

namespace fedlog::domain {

void evolve(User& user, const UserEvent& event, Timestamp at) {
  std::visit(
      overloaded{[&](const UserRegistered& registered) {
                   user = User{.id = registered.user,
                               .username = registered.username,
                               .first_name = registered.first_name,
                               .last_name = registered.last_name,
                               .email = registered.email,
                               .message_endpoint = registered.message_endpoint,
                               .actor = registered.actor,
                               .client = registered.client,
                               .superuser = registered.superuser,
                               .groups = {},
                               .created = at,
                               .active = true,
                               .webhook_secret_set = false};
                 },
                 [&](const UserChanged& changed) {
                   if (changed.first_name) user.first_name = *changed.first_name;
                   if (changed.last_name) user.last_name = *changed.last_name;
                   if (changed.email) user.email = *changed.email;
                   if (changed.message_endpoint) user.message_endpoint = *changed.message_endpoint;
                 },
                 [&](const UserWebhookSecretChanged& changed) { user.webhook_secret_set = changed.set; },
                 [](const UserTokenReplaced&) {},    // what changed is a secret
                 [](const UserPasswordChanged&) {},  // likewise
                 [&](const UserDeactivated&) { user.active = false; },
                 [&](const UserActivated&) { user.active = true; }},
      event);
}

bool is_polled(std::string_view message_endpoint) {
  return message_endpoint.empty() || message_endpoint.starts_with("poll:");
}

}  // namespace fedlog::domain
