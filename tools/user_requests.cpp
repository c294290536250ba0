#include "tools/user_requests.h"

#include "http/errors.h"
#include "http/registration.h"

namespace fedlog::tools {
namespace {

using Json = nlohmann::ordered_json;
using Outcome = std::expected<void, std::string>;

constexpr std::size_t password_bytes_max = 4096;

actors::RequestContext operator_context() {
  return {.caller = {.id = {}, .superuser = true}, .correlation = "fedlog user", .idempotency_key = {}};
}

Outcome list(const actors::UserAdministration& users, const Emit& emit) {
  users.views().users().visit([&](const domain::User& user) {
    return emit({{"id", user.id.text()},
                 {"username", user.username.text},
                 {"first_name", user.first_name.text},
                 {"last_name", user.last_name.text},
                 {"email", user.email.text},
                 {"message_endpoint", user.message_endpoint.text},
                 {"actor", user.actor},
                 {"client", user.client},
                 {"superuser", user.superuser},
                 {"active", user.active},
                 {"created", user.created.text()}});
  });
  return {};
}

Outcome add(const nlohmann::json& request, actors::UserAdministration& users, const Emit& emit) {
  http::FormData form;
  form.document = request.value("user", nlohmann::json::object());
  auto registration = http::read_registration(form, http::Endpoint::optional);
  if (!registration) {
    return std::unexpected(words_of_refusal(std::get<std::string>(registration.error().body)));
  }
  registration->superuser = request.value("superuser", false);
  const auto registered = users.register_user(*registration, operator_context().correlation);
  if (!registered) return std::unexpected(registered.error().message);
  emit({{"id", registered->user.id.text()},
        {"username", registered->user.username.text},
        {"token", registered->token}});
  return {};
}

Outcome change_password(const nlohmann::json& request, actors::UserAdministration& users,
                        domain::UserId user) {
  const auto password = request.value("password", std::string{});
  if (password.empty() || password.size() > password_bytes_max) {
    return std::unexpected(password.empty() ? "A password may not be empty." : "The password is too long.");
  }
  const auto changed = users.change_password(
      operator_context(), user, {.old_password = std::nullopt, .new_password = password, .address = {}});
  if (!changed) return std::unexpected(changed.error().message);
  return {};
}

Outcome replace_token(actors::UserAdministration& users, domain::UserId user, const Emit& emit) {
  const auto token = users.replace_token(operator_context(), user);
  if (!token) return std::unexpected(token.error().message);
  emit({{"token", *token}});
  return {};
}

Outcome set_active(actors::UserAdministration& users, domain::UserId user, bool active,
                   bool even_if_running = false) {
  const auto changed = users.set_active(operator_context(), user, active, even_if_running);
  if (!changed) return std::unexpected(changed.error().message);
  return {};
}

std::string words_of(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array() && !value.is_object()) return value.dump();
  std::string words;
  for (const auto& [name, each] : value.items()) {
    words += words.empty() ? "" : value.is_array() ? " " : "; ";
    if (value.is_object() && name != "detail" && name != "error") words += name + ": ";
    words += words_of(each);
  }
  return words;
}

}  // namespace

bool is_user_request(const nlohmann::json& request) {
  return request.value("command", std::string{}).starts_with("user-");
}

Outcome answer_user_request(const nlohmann::json& request, actors::UserAdministration& users,
                            const Emit& emit) {
  const auto command = request.value("command", std::string{});
  if (command == "user-list") return list(users, emit);
  if (command == "user-add") return add(request, users, emit);
  const auto name = request.value("username", std::string{});
  const auto user = users.views().user_by_name(name);
  if (!user) return std::unexpected("There is no user \"" + name + "\"; `fedlog user list` shows all.");
  if (command == "user-passwd") return change_password(request, users, user->id);
  if (command == "user-token") return replace_token(users, user->id, emit);
  if (command == "user-deactivate") {
    return set_active(users, user->id, false, request.value("even_if_running", false));
  }
  if (command == "user-activate") return set_active(users, user->id, true);
  return std::unexpected("The command \"" + command +
                         "\" is not known; the tool's version and the server's differ.");
}

std::string words_of_refusal(const std::string& body) {
  const auto parsed = Json::parse(body, nullptr, false);
  return parsed.is_discarded() ? body.substr(0, 500) : words_of(parsed);
}

}  // namespace fedlog::tools
