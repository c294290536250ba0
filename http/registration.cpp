#include "http/registration.h"

#include <algorithm>

#include "http/request_fields.h"

namespace fedlog::http {

const std::vector<FieldRule>& registration_fields() {
  static const std::vector<FieldRule> rules{
      {.name = "username",
       .required = true,
       .length_max = 150,
       .description = "What the user is called; unique.",
       .example = "ada"},
      {.name = "password",
       .required = true,
       .trim = false,
       .length_max = 1024,
       .description = "Kept only as a salted hash.",
       .example = "enchantress"},
      {.name = "message_endpoint",
       .type = FieldType::url,
       .required = true,
       .length_max = message_endpoint_length_max,
       .other_scheme = "poll:",
       .description =
           "Where notifications are posted: an http or https URL. Or \"poll:\", for whoever asks for "
           "notifications instead.",
       .example = "https://ada.example.org/hook"},
      {.name = "first_name",
       .fallback = "",
       .blank = true,
       .length_max = 150,
       .description = "A given name."},
      {.name = "last_name",
       .fallback = "",
       .blank = true,
       .length_max = 150,
       .description = "A family name."},
      {.name = "email",
       .fallback = "",
       .blank = true,
       .length_max = 254,
       .description = "An e-mail address."},
      {.name = "actor",
       .type = FieldType::boolean,
       .fallback = false,
       .description = "Means to run trainings; says nothing about what the user may do."},
      {.name = "client",
       .type = FieldType::boolean,
       .fallback = false,
       .description = "Means to take part in trainings; likewise."}};
  return rules;
}

std::expected<actors::Registration, Response> read_registration(const FormData& form, Endpoint endpoint) {
  auto rules = registration_fields();
  if (endpoint == Endpoint::optional) {
    auto& rule = *std::ranges::find(rules, "message_endpoint", &FieldRule::name);
    rule.required = false;
    rule.fallback = "";
  }
  const auto values = read_fields(form, rules, Wording::rest_framework);
  if (!values) return std::unexpected(values.error());
  const auto text = [&](const char* name) { return values->at(name).get<std::string>(); };
  return actors::Registration{.username = text("username"),
                              .password = text("password"),
                              .first_name = text("first_name"),
                              .last_name = text("last_name"),
                              .email = text("email"),
                              .message_endpoint = text("message_endpoint"),
                              .actor = values->at("actor").get<bool>(),
                              .client = values->at("client").get<bool>()};
}

}  // namespace fedlog::http
