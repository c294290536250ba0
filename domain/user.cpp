#include "domain/user.h"

#include "domain/overloaded.h"

namespace fedlog::domain {

void evolve(User& user, const UserEvent& event, Timestamp at) {
  std::visit(overloaded{[&](const UserRegistered& registered) {
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
                                      .active = true};
                        },
                        [](const UserTokenReplaced&) {},    // what changed is a secret
                        [](const UserPasswordChanged&) {},  // likewise
                        [&](const UserDeactivated&) { user.active = false; },
                        [&](const UserActivated&) { user.active = true; }},
             event);
}

}  // namespace fedlog::domain
