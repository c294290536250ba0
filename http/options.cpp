#include "http/options.h"

#include <string>
#include <string_view>

namespace fedlog::http {

namespace {

std::string_view type_name(FieldType type) {
  switch (type) {
    case FieldType::text:
    case FieldType::uuid:
      return "string";
    case FieldType::url:
      return "url";
    case FieldType::boolean:
      return "boolean";
    case FieldType::integer:
      return "integer";
    case FieldType::choice:
      return "choice";
    case FieldType::texts:
    case FieldType::uuids:
    case FieldType::sizes:
    case FieldType::scalars:
      return "list";
    case FieldType::mapping:
      return "nested object";
    case FieldType::file:
      return "file upload";
    case FieldType::json:
      break;
  }
  return "field";
}

std::optional<std::string_view> child_type_name(FieldType type) {
  switch (type) {
    case FieldType::texts:
    case FieldType::uuids:
      return "string";
    case FieldType::sizes:
      return "integer";
    case FieldType::scalars:
      return "field";
    default:
      return std::nullopt;
  }
}

// "message_endpoint" is labelled "Message endpoint".
std::string label_of(std::string_view name) {
  std::string label{name};
  for (auto& c : label) c = c == '_' ? ' ' : c;
  if (!label.empty() && label[0] >= 'a' && label[0] <= 'z')
    label[0] = static_cast<char>(label[0] - 'a' + 'A');
  return label;
}

Body described(const FieldRule& rule, bool partial) {
  Body field;
  field["type"] = type_name(rule.type);
  field["required"] = rule.required && !partial;
  field["read_only"] = false;
  field["label"] = label_of(rule.name);
  if (!rule.description.empty()) field["help_text"] = rule.description;
  const auto child = child_type_name(rule.type);
  if (child) {
    Body item;
    item["type"] = *child;
    item["required"] = true;
    item["read_only"] = false;
    if (rule.length_max) item["max_length"] = *rule.length_max;
    field["child"] = std::move(item);
  } else if (rule.length_max) {
    field["max_length"] = *rule.length_max;
  }
  if (rule.items_max) field["max_length"] = *rule.items_max;
  if (rule.minimum) field["min_value"] = *rule.minimum;
  if (rule.maximum) field["max_value"] = *rule.maximum;
  for (const auto each : rule.choices) {
    field["choices"].push_back(Body{{"value", each}, {"display_name", each}});
  }
  return field;
}

}  // namespace

Body actions_of(const Route& route) {
  Body actions = Body::object();
  for (const auto& method : route.methods) {
    if (method.name != "POST" && method.name != "PUT") continue;
    for (const auto& rule : method.operation.fields) {
      actions[method.name][std::string{rule.name}] = described(rule, method.operation.partial);
    }
  }
  return actions;
}

}  // namespace fedlog::http
