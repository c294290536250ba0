#include "http/request_fields.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "http/errors.h"
#include "http/json_body.h"
#include "http/serializers.h"
#include "http/text.h"

namespace fedlog::http {

namespace {

using Json = nlohmann::json;
using Value = std::expected<Json, Body>;  // or the messages: a list, or for lists an object by index

struct Messages {
  std::string_view required;
  std::string_view null;
  std::string_view integer;
  std::string_view uuid;
  std::string_view minimum;
};
constexpr Messages rest_framework{"This field is required.", "This field may not be null.",
                                  "A valid integer is required.", "Must be a valid UUID.",
                                  "Ensure this value is greater than or equal to "};
constexpr Messages marshmallow{"Missing data for required field.", "Field may not be null.",
                               "Not a valid integer.", "Not a valid UUID.",
                               "Must be greater than or equal to "};
constexpr std::string_view not_a_string = "Not a valid string.";  // of both

std::unexpected<Body> wrong(std::string_view message) {
  return std::unexpected(Body::array({std::string{message}}));
}

// The names that Python's types have in DRF's messages.
std::string_view python_type(const Json& value) {
  switch (value.type()) {
    case Json::value_t::array:
      return "list";
    case Json::value_t::object:
      return "dict";
    case Json::value_t::string:
      return "str";
    case Json::value_t::boolean:
      return "bool";
    case Json::value_t::number_float:
      return "float";
    case Json::value_t::number_integer:
    case Json::value_t::number_unsigned:
      return "int";
    default:
      return "NoneType";
  }
}

class Reader {
 public:
  Reader(const FieldRule& rule, Wording wording)
      : rule_(rule),
        wording_(wording),
        messages_(wording == Wording::marshmallow ? marshmallow : rest_framework) {}

  [[nodiscard]] Value read(const Json& value) const {
    if (value.is_null()) return wrong(messages_.null);
    switch (rule_.type) {
      case FieldType::text:
        return text(value);
      case FieldType::url:
        return url(value);
      case FieldType::boolean:
        return boolean(value);
      case FieldType::integer:
        return integer(value);
      case FieldType::uuid:
        return uuid(value);
      case FieldType::choice:
        return choice(value);
      case FieldType::texts:
      case FieldType::uuids:
        return list(value);
      case FieldType::mapping:
        if (!value.is_object()) return wrong("Not a valid mapping type.");
        return value;
    }
    return value;
  }

 private:
  [[nodiscard]] Value text(const Json& value) const {
    if (!value.is_string() && (wording_ == Wording::marshmallow || !value.is_number())) {
      return wrong(not_a_string);
    }
    auto content = value.is_string() ? value.get<std::string>() : value.dump();
    if (!rule_.blank && stripped(content).empty()) return wrong("This field may not be blank.");
    if (rule_.trim) content = std::string{stripped(content)};
    auto errors = Body::array();
    if (rule_.length_max && character_count(content) > *rule_.length_max) {
      errors.push_back("Ensure this field has no more than " + std::to_string(*rule_.length_max) +
                       " characters.");
    }
    if (content.find('\0') != std::string::npos) errors.push_back("Null characters are not allowed.");
    if (!errors.empty()) return std::unexpected(std::move(errors));
    return content;
  }

  [[nodiscard]] Value url(const Json& value) const {
    auto read = text(value);
    if (!read) return read;
    const auto content = read->get<std::string>();
    const auto scheme_end = content.find("://");
    const auto scheme = to_lower(content.substr(0, scheme_end));
    const bool known = scheme_end != std::string::npos && (scheme == "http" || scheme == "https");
    const auto host = known ? std::string_view{content}.substr(scheme_end + 3) : std::string_view{};
    const bool clean = std::ranges::all_of(content, [](char c) {
      const auto byte = static_cast<unsigned char>(c);
      return byte > ' ' && byte != 0x7f;
    });
    if (!clean || host.empty() || host.front() == '/' || host.front() == ':' || host.front() == '?') {
      return wrong("Enter a valid URL.");
    }
    return read;
  }

  [[nodiscard]] static Value boolean(const Json& value) {
    constexpr std::array yes{"t", "y", "yes", "true", "on", "1"};
    constexpr std::array no{"f", "n", "no", "false", "off", "0"};
    if (value.is_boolean()) return value;
    if (value.is_number() && (value == 1 || value == 0)) return value == 1;
    if (value.is_string()) {
      const auto word = to_lower(value.get<std::string>());
      if (std::ranges::find(yes, word) != yes.end()) return true;
      if (std::ranges::find(no, word) != no.end()) return false;
    }
    return wrong("Must be a valid boolean.");
  }

  [[nodiscard]] Value integer(const Json& value) const {
    constexpr double whole_max = 9007199254740992.0;  // 2^53: every whole number up to it is exact
    std::optional<std::int64_t> number;
    if (value.is_number_unsigned()) {
      if (value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX))
        number = value.get<std::int64_t>();
    } else if (value.is_number_integer()) {
      number = value.get<std::int64_t>();
    } else if (value.is_number_float()) {
      const auto content = value.get<double>();
      if (std::abs(content) <= whole_max && std::trunc(content) == content) {
        number = static_cast<std::int64_t>(content);
      }
    } else if (value.is_string()) {
      number = parse_python_integer(value.get<std::string>());
    }
    if (!number) return wrong(messages_.integer);
    if (rule_.minimum && *number < *rule_.minimum) {
      return wrong(std::string{messages_.minimum} + std::to_string(*rule_.minimum) + ".");
    }
    return *number;
  }

  [[nodiscard]] Value uuid(const Json& value) const {
    const auto parsed = value.is_string() ? parse_python_uuid(value.get<std::string>()) : std::nullopt;
    if (!parsed) return wrong(messages_.uuid);
    return parsed->text();
  }

  [[nodiscard]] Value choice(const Json& value) const {
    if (!value.is_string()) return wrong(not_a_string);
    if (std::ranges::find(rule_.choices, value.get<std::string>()) != rule_.choices.end()) return value;
    std::string all;
    for (const auto each : rule_.choices) all.append(all.empty() ? "" : ", ").append(each);
    return wrong("Must be one of: " + all + ".");
  }

  [[nodiscard]] Value list(const Json& value) const {
    if (!value.is_array()) {
      if (wording_ == Wording::marshmallow) return wrong("Not a valid list.");
      return wrong("Expected a list of items but got type \"" + std::string{python_type(value)} + "\".");
    }
    if (rule_.items_max && value.size() > *rule_.items_max) {
      const auto limit = std::to_string(*rule_.items_max);
      if (wording_ == Wording::marshmallow) return wrong("Longer than maximum length " + limit + ".");
      return wrong("Ensure this field has no more than " + limit + " elements.");
    }
    const FieldRule item_rule{.name = rule_.name,
                              .type = rule_.type == FieldType::uuids ? FieldType::uuid : FieldType::text,
                              .blank = true,
                              .length_max = rule_.length_max};
    const Reader item_reader{item_rule, wording_};
    Json items = Json::array();
    Body errors = Body::object();
    for (std::size_t index = 0; index < value.size(); ++index) {
      auto item = item_reader.read(value[index]);
      if (item) {
        items.push_back(std::move(*item));
      } else {
        errors[std::to_string(index)] = std::move(item.error());
      }
    }
    if (!errors.empty()) return std::unexpected(std::move(errors));
    return items;
  }

  const FieldRule& rule_;
  Wording wording_;
  const Messages& messages_;
};

// A form says nothing of types: lists are repeated fields, a mapping is JSON text, and a field left empty
// that is neither text nor required was not filled in.
std::optional<Json> form_value(const FormData& form, const FieldRule& rule) {
  if (rule.type == FieldType::texts || rule.type == FieldType::uuids) {
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
  const auto found = form.document->find(rule.name);
  return found == form.document->end() ? std::nullopt : std::optional<Json>{*found};
}

std::vector<std::string> names_of(const FormData& form) {
  std::vector<std::string> names;
  if (form.document) {
    for (const auto& [name, value] : form.document->items()) names.push_back(name);
  }
  for (const auto& [name, value] : form.fields) {
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  return names;
}

Response not_an_object_response(const Json& document, Wording wording) {
  if (wording == Wording::marshmallow) {
    return body_response(400, {{"_schema", Body::array({"Invalid input type."})}});
  }
  if (document.is_null()) return non_field_error_response("No data provided");
  return non_field_error_response("Invalid data. Expected a dictionary, but got " +
                                  std::string{python_type(document)} + ".");
}

}  // namespace

std::expected<Json, Response> read_fields(const FormData& form, const std::vector<FieldRule>& rules,
                                          Wording wording, bool partial) {
  if (form.document && !form.document->is_object()) {
    return std::unexpected(not_an_object_response(*form.document, wording));
  }
  Json values = Json::object();
  Body errors = Body::object();
  for (const auto& rule : rules) {
    const std::string name{rule.name};
    const auto value = value_of(form, rule);
    if (!value) {
      if (rule.required && !partial) {
        errors[name] = {wording == Wording::marshmallow ? marshmallow.required : rest_framework.required};
      } else if (!rule.fallback.is_null() && !partial) {
        values[name] = rule.fallback;
      }
      continue;
    }
    auto read = Reader{rule, wording}.read(*value);
    if (read) {
      values[name] = std::move(*read);
    } else {
      errors[name] = std::move(read.error());
    }
  }
  if (wording == Wording::marshmallow) {
    for (const auto& name : names_of(form)) {
      const bool known = std::ranges::find(rules, name, &FieldRule::name) != rules.end();
      if (!known) errors[name] = {"Unknown field."};
    }
  }
  if (!errors.empty()) return std::unexpected(body_response(400, errors));
  return values;
}

std::expected<std::int64_t, Response> read_integer(std::string_view name, const Json& value) {
  const FieldRule rule{.name = name, .type = FieldType::integer};
  auto read = Reader{rule, Wording::rest_framework}.read(value);
  if (!read) return std::unexpected(body_response(400, {{std::string{name}, std::move(read.error())}}));
  return read->get<std::int64_t>();
}

}  // namespace fedlog::http
