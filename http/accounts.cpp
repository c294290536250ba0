#include "http/accounts.h"

#include "http/errors.h"
#include "http/rejections.h"
#include "http/request_fields.h"
#include "http/schema.h"
#include "http/serializers.h"
#include "http/text.h"
#include "http/user_operations.h"

namespace fedlog::http {

namespace {

std::vector<FieldRule> password_fields(bool without_the_old) {
  return {{.name = "old_password",
           .required = !without_the_old,
           .trim = false,
           .length_max = 1024,
           .description = "Superusers need none.",
           .example = "enchantress"},
          {.name = "new_password",
           .required = true,
           .trim = false,
           .length_max = 1024,
           .description = "Kept only as a salted hash.",
           .example = "enchantress of numbers"}};
}

// The context and the user of a call about an account; the error is the answer.
struct Account {
  actors::RequestContext context;
  domain::UserId user;
};

std::expected<Account, Response> account_of(const Call& call) {
  auto context = request_context(call);
  if (!context) return std::unexpected(context.error());
  const auto& text = call.parameter("user_id");
  const auto id = parse_id<domain::UserId>(text);
  if (!id) return std::unexpected(entity_not_found_response("User", text));
  return Account{.context = std::move(*context), .user = *id};
}

Response replace_token(const Services& services, const Call& call) {
  const auto account = account_of(call);
  if (!account) return account.error();
  const auto token = services.gateway.replace_token(account->context, account->user);
  if (!token) return rejection_response(token.error());
  return body_response(200, {{"token", *token}});
}

Response change_password(const Services& services, Call& call) {
  const auto account = account_of(call);
  if (!account) return account.error();
  const auto form = read_form(call, services);
  if (!form) return form.error();
  const bool without_the_old = domain::may_set_password_without_the_old(domain::caller_of(*call.caller));
  const auto values = read_fields(*form, password_fields(without_the_old), Wording::rest_framework);
  if (!values) return values.error();
  actors::PasswordChange change{.old_password = std::nullopt,
                                .new_password = values->at("new_password").get<std::string>(),
                                .address = call.request.remote_address};
  if (values->contains("old_password")) change.old_password = values->at("old_password").get<std::string>();
  const auto changed = services.gateway.change_password(account->context, account->user, change);
  return changed ? detail_response(200, "Password changed.") : rejection_response(changed.error());
}

const std::vector<FieldRule>& deactivation_fields() {
  static const std::vector<FieldRule> rules{{.name = "x_even_if_running",
                                             .type = FieldType::boolean,
                                             .fallback = false,
                                             .description = "Also where trainings of the user are running.",
                                             .example = true}};
  return rules;
}

Response deactivate(const Services& services, Call& call) {
  const auto account = account_of(call);
  if (!account) return account.error();
  const auto form = read_form(call, services);
  if (!form) return form.error();
  const auto values = read_fields(*form, deactivation_fields(), Wording::rest_framework);
  if (!values) return values.error();
  const auto user = services.gateway.set_active(account->context, account->user, false,
                                                values->at("x_even_if_running").get<bool>());
  return user ? body_response(200, serialized(*user)) : rejection_response(user.error());
}

Response activate(const Services& services, const Call& call) {
  const auto account = account_of(call);
  if (!account) return account.error();
  const auto user = services.gateway.set_active(account->context, account->user, true, false);
  return user ? body_response(200, serialized(*user)) : rejection_response(user.error());
}

}  // namespace

std::vector<Route> account_routes(const Services& services) {
  const Operation new_token{
      .summary = "Replace a user's token",
      .description =
          "The old token is worth nothing from then on. Users replace their own, superusers anybody's.",
      .answers = {{.status = 200,
                   .meaning = "The new token.",
                   .schema = schema::object({{"token", schema::text("40 hexadecimal digits.")}}),
                   .example = {{"token", "9944b09199c62bcf9418ad846dd0e4bbdfc6ee4b"}}}},
      .failures = {unknown_id("User"), not_permitted("It is another's account.")}};
  const Operation new_password{
      .summary = "Change a user's password",
      .description = "Users change their own, superusers anybody's. The token stays as it is.",
      .fields = password_fields(false),
      .answers = {{.status = 200,
                   .meaning = "The password is changed.",
                   .schema = schema::detail("Password changed.")}},
      .failures = {unknown_id("User"), not_permitted("It is another's account."),
                   field_failure(400, "The old password is wrong.", "old_password",
                                 "Your old password was entered incorrectly. Please enter it again."),
                   detail_failure(429, "Too many wrong passwords were tried.",
                                  "Request was throttled. Expected available in 17 seconds.")}};
  const auto only_superusers = not_permitted("The caller is no superuser.");
  const Operation deactivation{
      .summary = "Lock a user out",
      .description =
          "For superusers. Neither the token nor the password is accepted until the user is activated again; "
          "trainings and models stay as they are. The owner of running trainings is not locked out by "
          "mistake.",
      .fields = deactivation_fields(),
      .answers = {{.status = 200,
                   .meaning = "The user, with x_active false.",
                   .schema = schema::ref("User")}},
      .failures = {
          unknown_id("User"), only_superusers,
          detail_failure(400, "No other superuser is active.",
                         "The last active superuser cannot be deactivated."),
          detail_failure(400, "The user runs trainings.",
                         "The user runs trainings that are not over: "
                         "c2d7a0b4-1f5e-4f63-8f0a-6d9c3b2a1e33. Cancel them or wait for their end, or "
                         "send {\"x_even_if_running\": true}; then they go on, and only superusers can "
                         "manage them.")}};
  const Operation activation{
      .summary = "Let a user in again",
      .description = "For superusers. The token and the password are what they were.",
      .answers = {{.status = 200, .meaning = "The user.", .schema = schema::ref("User")}},
      .failures = {unknown_id("User"), only_superusers}};

  return {
      {.pattern = "/api/users/{user_id}/token/",
       .view_name = "User",
       .description = "Replaces a user's token.",
       .methods = {{"POST", [&services](Call& call) { return replace_token(services, call); },
                    Access::authenticated, new_token}},
       .parameters = {user_parameter()}},
      {.pattern = "/api/users/{user_id}/password/",
       .view_name = "User",
       .description = "Changes a user's password.",
       .methods = {{"POST", [&services](Call& call) { return change_password(services, call); },
                    Access::authenticated, new_password}},
       .parameters = {user_parameter()}},
      {.pattern = "/api/users/{user_id}/deactivate/",
       .view_name = "User",
       .description = "Locks a user out, for superusers.",
       .methods = {{"POST", [&services](Call& call) { return deactivate(services, call); },
                    Access::authenticated, deactivation}},
       .parameters = {user_parameter()}},
      {.pattern = "/api/users/{user_id}/activate/",
       .view_name = "User",
       .description = "Lets a user in again, for superusers.",
       .methods = {{"POST", [&services](Call& call) { return activate(services, call); },
                    Access::authenticated, activation}},
       .parameters = {user_parameter()}},
  };
}

}  // namespace fedlog::http
