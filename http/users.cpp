#include "http/users.h"

#include "http/errors.h"
#include "http/lists.h"
#include "http/registration.h"
#include "http/rejections.h"
#include "http/serializers.h"
#include "http/text.h"
#include "http/user_operations.h"

namespace fedlog::http {

namespace {

Response register_user(const Services& services, Call& call) {
  const bool open = services.settings.accounts.registration == config::Registration::open;
  const auto caller = call.caller.transform(domain::caller_of);
  if (!domain::may_register(caller ? &*caller : nullptr, open)) {
    return forbidden_response("Registration is closed on this server. Ask a superuser for an account.");
  }
  const auto form = read_form(call, services);
  if (!form) return form.error();
  const auto registration = read_registration(*form, Endpoint::required);
  if (!registration) return registration.error();
  const auto registered = services.gateway.register_user(*registration, call.request.id);
  if (!registered) return rejection_response(registered.error());
  return body_response(201, serialized(registered->user, registered->token));
}

// With the token only if it is the caller's own account.
Response show_user(const Services& services, const Call& call) {
  const auto& text = call.parameter("user_id");
  const auto id = parse_id<domain::UserId>(text);
  const auto user = id ? services.gateway.views().user(*id) : std::nullopt;
  if (!user) return entity_not_found_response("User", text);
  const bool own = call.caller->id == user->id;
  return body_response(200, serialized(*user, own ? services.gateway.token_of(user->id) : std::nullopt));
}

Response show_caller(const Call& call) {
  return body_response(200, serialized(*call.caller));
}

Response list_users(const Services& services, const Call& call) {
  return list_response(services, call, services.gateway.views().users());
}

Response list_groups_of_caller(const Services& services, const Call& call) {
  return list_response(services, call, services.gateway.views().groups_of(call.caller->id));
}

Response list_trainings_of_caller(const Services& services, const Call& call) {
  return list_response(services, call, services.gateway.views().trainings_of(call.caller->id));
}

}  // namespace

std::vector<Route> user_routes(const Services& services) {
  const auto about = user_operations(registration_fields());
  return {
      {.pattern = "/api/users/",
       .view_name = "User",
       .description = "Accounts. Registration needs no credentials.",
       .methods = {{"GET", [&services](Call& call) { return list_users(services, call); },
                    Access::authenticated, about.list},
                   {"POST", [&services](Call& call) { return register_user(services, call); }, Access::anyone,
                    about.registration}}},
      {.pattern = "/api/users/myself/",
       .view_name = "User",
       .description = "The caller's account.",
       .methods = {{"GET", [](Call& call) { return show_caller(call); }, Access::authenticated,
                    about.myself}}},
      {.pattern = "/api/users/groups/",
       .view_name = "User",
       .description = "The groups that the caller is a member of.",
       .methods = {{"GET", [&services](Call& call) { return list_groups_of_caller(services, call); },
                    Access::authenticated, about.groups}}},
      {.pattern = "/api/users/trainings/",
       .view_name = "User",
       .description = "The trainings that the caller runs or takes part in.",
       .methods = {{"GET", [&services](Call& call) { return list_trainings_of_caller(services, call); },
                    Access::authenticated, about.trainings}}},
      {.pattern = "/api/users/{user_id}/",
       .view_name = "User",
       .description = "An account, with its token only for its owner.",
       .methods = {{"GET", [&services](Call& call) { return show_user(services, call); },
                    Access::authenticated, about.show}},
       .parameters = {user_parameter()}},
  };
}

}  // namespace fedlog::http
