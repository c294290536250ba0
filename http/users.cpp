#include "http/users.h"

#include "http/errors.h"
#include "http/rejections.h"
#include "http/request_fields.h"
#include "http/serializers.h"

namespace fedlog::http {

namespace {

const std::vector<FieldRule>& registration_fields() {
  static const std::vector<FieldRule> rules{
      {.name = "username", .required = true, .length_max = 150},
      {.name = "password", .required = true, .trim = false, .length_max = 1024},
      {.name = "message_endpoint", .type = FieldType::url, .required = true, .length_max = 2048},
      {.name = "first_name", .fallback = "", .blank = true, .length_max = 150},
      {.name = "last_name", .fallback = "", .blank = true, .length_max = 150},
      {.name = "email", .fallback = "", .blank = true, .length_max = 254},
      {.name = "actor", .type = FieldType::boolean, .fallback = false},
      {.name = "client", .type = FieldType::boolean, .fallback = false}};
  return rules;
}

Response register_user(const Services& services, Call& call) {
  const bool closed = services.settings.accounts.registration == config::Registration::closed;
  if (closed && !(call.caller && call.caller->superuser)) {
    return forbidden_response("Registration is closed on this server. Ask a superuser for an account.");
  }
  const auto form = read_form(call, services);
  if (!form) return form.error();
  const auto values = read_fields(*form, registration_fields(), Wording::rest_framework);
  if (!values) return values.error();
  const auto text = [&](const char* name) { return values->at(name).get<std::string>(); };
  const actors::Registration registration{.username = text("username"),
                                          .password = text("password"),
                                          .first_name = text("first_name"),
                                          .last_name = text("last_name"),
                                          .email = text("email"),
                                          .message_endpoint = text("message_endpoint"),
                                          .actor = values->at("actor").get<bool>(),
                                          .client = values->at("client").get<bool>()};
  const auto registered = services.gateway.register_user(registration, call.request.id);
  if (!registered) return rejection_response(registered.error());
  return body_response(201, serialized(registered->user, registered->token));
}

Response list_users(const Services& services) {
  const auto list = services.gateway.views().users();
  return body_response(200,
                       *serialized_list(list, [](const domain::User& user) { return serialized(user); }));
}

// With the token only if it is the caller's own account.
Response show_user(const Services& services, const Call& call) {
  const auto& text = call.parameter("user_id");
  const auto id = domain::UserId::parse(text);
  const auto user = id ? services.gateway.views().user(*id) : std::nullopt;
  if (!user) return entity_not_found_response("User", text);
  const bool own = call.caller->id == user->id;
  return body_response(200, serialized(*user, own ? services.gateway.token_of(user->id) : std::nullopt));
}

Response show_caller(const Services& services, const Call& call) {
  const auto user = services.gateway.views().user(call.caller->id);
  if (!user) return entity_not_found_response("User", call.caller->id.text());
  return body_response(200, serialized(*user));
}

Response list_groups_of_caller(const Services& services, const Call& call) {
  const auto list = services.gateway.views().groups_of(call.caller->id);
  return body_response(200,
                       *serialized_list(list, [](const domain::Group& group) { return serialized(group); }));
}

Response list_trainings_of_caller(const Services& services, const Call& call) {
  const auto list = services.gateway.views().trainings_of(call.caller->id);
  return body_response(200, *serialized_list(list, [](const domain::Training& training) {
                         return serialized(training, Detail::list);
                       }));
}

}  // namespace

std::vector<Route> user_routes(const Services& services) {
  return {
      {.pattern = "/api/users/",
       .view_name = "User",
       .description = "Accounts. Registration needs no credentials.",
       .methods = {{"GET", [&services](Call&) { return list_users(services); }},
                   {"POST", [&services](Call& call) { return register_user(services, call); },
                    Access::anyone}}},
      {.pattern = "/api/users/myself/",
       .view_name = "User",
       .description = "The caller's account.",
       .methods = {{"GET", [&services](Call& call) { return show_caller(services, call); }}}},
      {.pattern = "/api/users/groups/",
       .view_name = "User",
       .description = "The groups that the caller is a member of.",
       .methods = {{"GET", [&services](Call& call) { return list_groups_of_caller(services, call); }}}},
      {.pattern = "/api/users/trainings/",
       .view_name = "User",
       .description = "The trainings that the caller runs or takes part in.",
       .methods = {{"GET", [&services](Call& call) { return list_trainings_of_caller(services, call); }}}},
      {.pattern = "/api/users/{user_id}/",
       .view_name = "User",
       .description = "An account, with its token only for its owner.",
       .methods = {{"GET", [&services](Call& call) { return show_user(services, call); }}}},
  };
}

}  // namespace fedlog::http
