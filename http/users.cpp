#include "http/users.h"

#include <algorithm>
#include <array>

#include "http/errors.h"
#include "http/lists.h"
#include "http/registration.h"
#include "http/rejections.h"
#include "http/request_fields.h"
#include "http/serializers.h"
#include "http/text.h"
#include "http/user_operations.h"

namespace fedlog::http {

namespace {

Response register_user(const Services& services, Call& call) {
  const auto context = request_context(call);
  if (!context) return context.error();
  const bool open = services.settings.accounts.registration == config::Registration::open;
  const auto caller = call.caller.transform(domain::caller_of);
  if (!domain::may_register(caller ? &*caller : nullptr, open)) {
    return forbidden_response("Registration is closed on this server. Ask a superuser for an account.");
  }
  const auto form = read_form(call, services);
  if (!form) return form.error();
  auto registration = read_registration(*form, Endpoint::required);
  if (!registration) return registration.error();
  registration->idempotency_key = context->idempotency_key;
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

// What PATCH changes.
const std::vector<FieldRule>& change_fields() {
  static const std::vector<FieldRule> rules = [] {
    std::vector<FieldRule> fields;
    for (auto field : registration_fields()) {
      constexpr std::array changeable{"first_name", "last_name", "email", "message_endpoint"};
      if (std::ranges::find(changeable, field.name) == changeable.end()) continue;
      field.blank = true;
      field.required = false;
      field.fallback = nullptr;
      fields.push_back(std::move(field));
    }
    fields.push_back({.name = "x_webhook_secret",
                      .blank = true,
                      .trim = false,
                      .length_max = 256,
                      .description =
                          "With it, what is posted to the message_endpoint is signed from now on; empty: it "
                          "is not. Nobody can read it again.",
                      .example = "6e1f6b0cf3a54c2f8d7b"});
    return fields;
  }();
  return rules;
}

// What stays as it was registered, or has a call of its own.
std::optional<Response> fixed_field_response(const FormData& form) {
  Body errors = Body::object();
  for (const auto* name : {"id", "username", "password", "token", "actor", "client", "is_superuser"}) {
    if (raw_field(form, name)) errors[name] = Body::array({"This field cannot be changed."});
  }
  if (errors.empty()) return std::nullopt;
  return body_response(400, errors);
}

// To strangers the path is the contract's, whose recordings know no PATCH.
Response change_user(const Services& services, Call& call) {
  const auto context = request_context(call);
  if (!context) return context.error();
  const auto& text = call.parameter("user_id");
  const auto id = domain::UserId::parse(text);
  if (!domain::may_see_to(context->caller, id.value_or(domain::UserId{}))) {
    return method_not_allowed_response(call.request.method);
  }
  if (!id) return entity_not_found_response("User", text);
  const auto form = read_form(call, services);
  if (!form) return form.error();
  if (auto refusal = fixed_field_response(*form)) return *std::move(refusal);
  const auto values = read_fields(*form, change_fields(), Wording::marshmallow, true);
  if (!values) return values.error();
  const auto value_of = [&](const char* name) -> std::optional<std::string> {
    if (!values->contains(name)) return std::nullopt;
    return values->at(name).get<std::string>();
  };
  const auto user = services.gateway.change_user(*context, *id,
                                                 {.first_name = value_of("first_name"),
                                                  .last_name = value_of("last_name"),
                                                  .email = value_of("email"),
                                                  .message_endpoint = value_of("message_endpoint"),
                                                  .webhook_secret = value_of("x_webhook_secret")});
  return user ? body_response(200, serialized(*user)) : rejection_response(user.error());
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
  const auto about = user_operations(registration_fields(), change_fields());
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
                    Access::authenticated, about.show},
                   {"PATCH", [&services](Call& call) { return change_user(services, call); },
                    Access::authenticated, about.change, false}},
       .parameters = {user_parameter()}},
  };
}

}  // namespace fedlog::http
