#include "http/openapi_fields.h"

#include <algorithm>
#include <utility>

#include "http/request_fields.h"
#include "http/schema.h"

namespace fedlog::http {

namespace {

constexpr std::string_view multipart = "multipart/form-data";
constexpr std::string_view json = "application/json";

Body item_schema(const FieldRule& rule, bool form) {
  if (rule.type == FieldType::uuids) return schema::uuid();
  if (rule.type == FieldType::sizes) {
    auto size = schema::integer();
    size["minimum"] = 1;
    if (!form) return schema::nullable(std::move(size));
    Body either = Body::object();
    either["anyOf"] = Body::array({std::move(size), schema::choice({"None"})});
    return either;
  }
  if (rule.type == FieldType::scalars) {
    Body either = Body::object();
    either["anyOf"] = Body::array({schema::number(), schema::text()});
    return either;
  }
  auto item = schema::text();
  if (rule.length_max) item["maxLength"] = *rule.length_max;
  return item;
}

Body bare_schema(const FieldRule& rule, bool form) {
  switch (rule.type) {
    case FieldType::url:
      return schema::url();
    case FieldType::boolean:
      return schema::boolean();
    case FieldType::integer:
      return schema::integer();
    case FieldType::uuid:
      return schema::uuid();
    case FieldType::choice:
      return schema::choice(rule.choices);
    case FieldType::texts:
    case FieldType::uuids:
    case FieldType::sizes:
    case FieldType::scalars:
      return schema::list(item_schema(rule, form));
    case FieldType::mapping: {
      if (!rule.schema.empty()) {
        Body described = Body::object();  // beside a bare reference nothing else would count
        described["allOf"] = Body::array({schema::ref(rule.schema)});
        return described;
      }
      auto object = schema::object({});
      object["additionalProperties"] = true;
      return object;
    }
    case FieldType::json:
      return form ? schema::bytes() : schema::anything();
    case FieldType::file:
      return schema::bytes();
    case FieldType::text:
      break;
  }
  return schema::text();
}

// What a form spells differently: null among sizes.
Body spelled(const nlohmann::json& example, const FieldRule& rule, bool form) {
  if (!form || rule.type != FieldType::sizes || !example.is_array()) return example;
  Body list = Body::array();
  for (const auto& size : example) list.push_back(size.is_null() ? Body("None") : Body(size));
  return list;
}

bool needs_file(const Operation& operation) {
  return std::ranges::any_of(
      operation.fields, [](const FieldRule& rule) { return rule.type == FieldType::file && rule.required; });
}

std::vector<std::string> media_types_of(const Route& route, const Operation& operation) {
  if (!operation.media_types.empty()) return operation.media_types;
  if (needs_file(operation)) return {std::string{multipart}};
  return route.parsers;
}

Body body_schema(const Operation& operation, const std::string& media_type) {
  std::vector<schema::Property> properties;
  for (const auto& rule : operation.fields) {
    if (rule.type == FieldType::file && media_type != multipart) continue;
    properties.push_back({std::string{rule.name}, field_schema(rule, media_type != json),
                          rule.required && !operation.partial});
  }
  auto schema = schema::object(std::move(properties));
  schema["additionalProperties"] = operation.wording != Wording::marshmallow;
  return schema;
}

Body body_example(const Operation& operation, const std::string& media_type) {
  Body example = Body::object();
  for (const auto& rule : operation.fields) {
    if (!rule.example.is_null())
      example[std::string{rule.name}] = spelled(rule.example, rule, media_type != json);
  }
  return example;
}

}  // namespace

Body field_schema(const FieldRule& rule, bool form) {
  auto schema = bare_schema(rule, form);
  if (rule.type == FieldType::text || rule.type == FieldType::url) {
    if (rule.length_max) schema["maxLength"] = *rule.length_max;
    if (rule.required && !rule.blank) schema["minLength"] = 1;
  }
  if (rule.minimum) schema["minimum"] = *rule.minimum;
  if (rule.maximum) schema["maximum"] = *rule.maximum;
  if (rule.items_max) schema["maxItems"] = *rule.items_max;
  if (!rule.fallback.is_null()) schema["default"] = rule.fallback;
  if (!rule.description.empty()) schema["description"] = rule.description;
  if (!rule.example.is_null() && rule.type != FieldType::json) {
    schema["example"] = spelled(rule.example, rule, form);
  }
  return schema;
}

Body request_body(const Route& route, const Operation& operation) {
  if (operation.fields.empty()) return nullptr;
  Body body = Body::object();
  body["required"] = !operation.partial && std::ranges::any_of(operation.fields, &FieldRule::required);
  for (const auto& media_type : media_types_of(route, operation)) {
    auto& content = body["content"][media_type];
    content["schema"] = body_schema(operation, media_type);
    // An example cannot hold a file.
    if (media_type == json) content["example"] = body_example(operation, media_type);
  }
  return body;
}

Body parameter_of(const FieldRule& rule, std::string_view place) {
  Body parameter = Body::object();
  parameter["name"] = rule.name;
  parameter["in"] = place;
  parameter["description"] = rule.description;
  parameter["required"] = rule.required;
  parameter["schema"] = field_schema(rule, true);
  parameter["schema"].erase("description");
  parameter["schema"].erase("example");
  if (!rule.example.is_null()) parameter["example"] = rule.example;
  return parameter;
}

bool reads_idempotency_key(const Method& method) {
  return method.name != "GET" && method.operation.idempotency_key;
}

std::vector<Failure> missing_field_failure(const Operation& operation) {
  const auto needed = std::ranges::find_if(
      operation.fields, [](const FieldRule& rule) { return rule.required && rule.type != FieldType::file; });
  if (needed == operation.fields.end() || operation.partial || operation.wording == Wording::own) return {};
  FormData form;
  form.document = nlohmann::json::object();
  const auto values = read_fields(form, {*needed}, operation.wording);
  if (values) return {};
  return {{400, "A field is missing or wrong.", Body::parse(std::get<std::string>(values.error().body))}};
}

}  // namespace fedlog::http
