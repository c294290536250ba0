#include "domain/user.h"

namespace fedlog::domain {

void evolve(User& user, const UserEvent& event, Timestamp at) {
  const auto& registered = std::get<UserRegistered>(event);
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
              .created = at};
}

}  // namespace fedlog::domain
