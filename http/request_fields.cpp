#include "http/request_fields.h"

#include <algorithm>
#include <set>
#include <utility>

#include "http/errors.h"
#include "http/field_reader.h"
#include "http/json_body.h"

namespace fedlog::http {

namespace {

using Json = nlohmann::json;

// A form says nothing of types: lists are repeated fields, a mapping is JSON text, and a field left empty
// that is neither text nor required was not filled in.
std::optional<Json> form_value(const FormData& form, const FieldRule& rule) {
  if (is_list(rule.type)) {
    const auto values = form.all(rule.name);
    return values.empty() ? std::nullopt : std::optional<Json>{values};
  }
  const auto* value = form.field(rule.name);
  if (value == nullptr) return std::nullopt;
  if (value->empty() && !rule.required && rule.type != FieldType::text) return std::nullopt;
  if (rule.type != FieldType::mapping) return *value;
  auto parsed = parse_json(*value);
  return parsed ? *std::move(parsed) : Json(*value);
}

std::optional<Json> value_of(const FormData& form, const FieldRule& rule) {
  if (!form.document) return form_value(form, rule);
  auto value = raw_field(form, rule.name);
  if (rule.loose && value && value->is_null()) return std::nullopt;
  return value;
}

// Each once, in the form's order.
std::vector<std::string_view> names_of(const FormData& form) {
  std::vector<std::string_view> names;
  if (form.document) {
    for (const auto& [name, value] : form.document->get_ref<const Json::object_t&>()) names.push_back(name);
  }
  std::set<std::string_view> seen;
  for (const auto& [name, value] : form.fields) {
    if (seen.insert(name).second) names.push_back(name);
  }
  return names;
}

// The first ones by name, the others by their number: the answer does not grow with the request.
void add_unknown_fields(Body& errors, const FormData& form, const std::vector<FieldRule>& rules) {
  std::size_t unknown = 0;
  for (const auto name : names_of(form)) {
    if (std::ranges::find(rules, name, &FieldRule::name) != rules.end()) continue;
    if (++unknown <= errors_told_max) errors[std::string{name}] = {"Unknown field."};
  }
  if (unknown > errors_told_max) {
    errors["_schema"] = {"And " + std::to_string(unknown - errors_told_max) + " more unknown fields."};
  }
}

Response not_an_object_response(const Json& document, Wording wording) {
  if (wording == Wording::marshmallow) {
    return body_response(400, {{"_schema", Body::array({"Invalid input type."})}});
  }
  if (document.is_null()) return non_field_error_response("No data provided");
  return non_field_error_response("Invalid data. Expected a dictionary, but got " +
                                  std::string{python_type(document)} + ".");
}

Response missing_response(std::string_view name, Wording wording) {
  if (wording == Wording::model_update) return detail_response(400, "'" + std::string{name} + "'");
  if (wording == Wording::metrics) return detail_response(400, "Metric names or values are missing");
  return list_response(400, {"Missing required field: " + std::string{name}});
}

// The families that tell of one missing field alone, and before anything else.
std::optional<Response> missing_first(const FormData& form, const std::vector<FieldRule>& rules,
                                      Wording wording) {
  if (wording == Wording::rest_framework || wording == Wording::marshmallow || wording == Wording::own) {
    return std::nullopt;
  }
  const auto missing = std::ranges::find_if(rules, [&](const FieldRule& rule) {
    return rule.required && rule.type != FieldType::file && !value_of(form, rule);
  });
  if (missing == rules.end()) return std::nullopt;
  return missing_response(missing->name, wording);
}

// A list of models that is none is told in a bare list.
std::optional<Response> bad_models_response(const FieldRule& rule, const Json& value, Wording wording) {
  if (wording != Wording::model_upload || rule.type != FieldType::uuids) return std::nullopt;
  if (!value.is_array()) return list_response(400, {"Invalid type for field: " + std::string{rule.name}});
  if (rule.items_max && value.size() > *rule.items_max) return std::nullopt;
  return list_response(400, {"Invalid model UUIDs found."});
}

}  // namespace

std::optional<Json> raw_field(const FormData& form, std::string_view name) {
  if (!form.document) {
    const auto* text = form.field(name);
    return text ? std::optional<Json>{*text} : std::nullopt;
  }
  if (!form.document->is_object()) return std::nullopt;
  const auto found = form.document->find(name);
  return found == form.document->end() ? std::nullopt : std::optional<Json>{*found};
}

std::optional<Json> take_field(FormData& form, std::string_view name) {
  if (!form.document || !form.document->is_object()) return raw_field(form, name);
  const auto found = form.document->find(name);
  return found == form.document->end() ? std::nullopt : std::optional<Json>{std::move(*found)};
}

std::expected<Json, Response> read_fields(const FormData& form, const std::vector<FieldRule>& rules,
                                          Wording wording, bool partial) {
  if (form.document && !form.document->is_object()) {
    return std::unexpected(not_an_object_response(*form.document, wording));
  }
  if (auto missing = missing_first(form, rules, wording)) return std::unexpected(*std::move(missing));
  Json values = Json::object();
  Body errors = Body::object();
  for (const auto& rule : rules) {
    if (rule.type == FieldType::file) continue;
    const std::string name{rule.name};
    const auto value = value_of(form, rule);
    if (!value) {
      if (rule.required && !partial) {
        errors[name] = {missing_message(wording)};
      } else if (!rule.fallback.is_null() && !partial) {
        values[name] = rule.fallback;
      }
      continue;
    }
    auto read = FieldReader{rule, wording}.read(*value);
    if (read) {
      values[name] = std::move(*read);
    } else if (auto bad_models = bad_models_response(rule, *value, wording)) {
      return std::unexpected(*std::move(bad_models));
    } else {
      errors[name] = std::move(read.error());
    }
  }
  if (wording == Wording::marshmallow) add_unknown_fields(errors, form, rules);
  if (!errors.empty()) return std::unexpected(body_response(400, errors));
  return values;
}

}  // namespace fedlog::http
