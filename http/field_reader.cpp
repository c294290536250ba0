#include "http/field_reader.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <utility>

#include "http/message.h"
#include "http/text.h"

namespace fedlog::http {

namespace {

using Json = nlohmann::json;

struct Messages {
  std::string_view required;
  std::string_view null;
  std::string_view integer;
  std::string_view uuid;
  std::string_view minimum;
  std::string_view maximum;
};
constexpr Messages rest_framework{"This field is required.",
                                  "This field may not be null.",
                                  "A valid integer is required.",
                                  "Must be a valid UUID.",
                                  "Ensure this value is greater than or equal to ",
                                  "Ensure this value is less than or equal to "};
constexpr Messages marshmallow{"Missing data for required field.",
                               "Field may not be null.",
                               "Not a valid integer.",
                               "Not a valid UUID.",
                               "Must be greater than or equal to ",
                               "Must be less than or equal to "};
constexpr std::string_view not_a_string = "Not a valid string.";  // of both

const Messages& messages_of(Wording wording) {
  return wording == Wording::marshmallow ? marshmallow : rest_framework;
}

std::unexpected<Body> wrong(std::string_view message) {
  return std::unexpected(Body::array({std::string{message}}));
}

}  // namespace

FieldReader::Value FieldReader::read(const Json& value) const {
  if (value.is_null() && !rule_.others_fall_back) return wrong(messages_of(wording_).null);
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
    case FieldType::sizes:
    case FieldType::scalars:
      return list(value);
    case FieldType::mapping:
      if (!value.is_object()) return wrong("Not a valid mapping type.");
      return value;
    case FieldType::json:
    case FieldType::file:
      break;
  }
  return value;
}

FieldReader::Value FieldReader::text(const Json& value) const {
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

FieldReader::Value FieldReader::url(const Json& value) const {
  auto read = text(value);
  if (!read) return read;
  const auto content = read->get<std::string>();
  if (content.empty()) return read;  // `blank` allows it
  const bool other = !rule_.other_scheme.empty() && content.starts_with(rule_.other_scheme);
  const auto scheme_end = content.find("://");
  const auto scheme = to_lower(content.substr(0, scheme_end));
  const bool known = scheme_end != std::string::npos && (scheme == "http" || scheme == "https");
  const auto host = known ? std::string_view{content}.substr(scheme_end + 3) : std::string_view{};
  const bool clean = std::ranges::all_of(content, [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte > ' ' && byte != 0x7f;
  });
  const bool no_host = host.empty() || host.front() == '/' || host.front() == ':' || host.front() == '?';
  if (!clean || (no_host && !other)) {
    return wrong("Enter a valid URL.");
  }
  return read;
}

FieldReader::Value FieldReader::boolean(const Json& value) const {
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

FieldReader::Value FieldReader::integer(const Json& value) const {
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
  if (!number) return wrong(messages_of(wording_).integer);
  if (rule_.minimum && *number < *rule_.minimum) {
    return wrong(std::string{messages_of(wording_).minimum} + std::to_string(*rule_.minimum) + ".");
  }
  if (rule_.maximum && *number > *rule_.maximum) {
    return wrong(std::string{messages_of(wording_).maximum} + std::to_string(*rule_.maximum) + ".");
  }
  return *number;
}

FieldReader::Value FieldReader::uuid(const Json& value) const {
  const auto parsed = value.is_string() ? parse_python_uuid(value.get<std::string>()) : std::nullopt;
  if (!parsed) return wrong(messages_of(wording_).uuid);
  return parsed->text();
}

FieldReader::Value FieldReader::choice(const Json& value) const {
  const bool known =
      value.is_string() && std::ranges::find(rule_.choices, value.get<std::string>()) != rule_.choices.end();
  if (known) return value;
  if (rule_.others_fall_back) return rule_.fallback;
  if (!value.is_string()) return wrong(not_a_string);
  std::string all;
  for (const auto each : rule_.choices) all.append(all.empty() ? "" : ", ").append(each);
  return wrong("Must be one of: " + all + ".");
}

FieldReader::Value FieldReader::size(const Json& value) const {
  if (value.is_null() || value == "None") return Json(nullptr);
  auto number = integer(value);
  if (!number || *number < 1) return wrong("A valid integer or \"None\" is required.");
  return number;
}

FieldReader::Value FieldReader::item(const Json& value, const FieldReader& reader) const {
  switch (rule_.type) {
    case FieldType::uuids:
      return value.is_null() ? wrong(messages_of(wording_).null) : reader.uuid(value);
    case FieldType::sizes:
      return reader.size(value);
    case FieldType::scalars:
      if (value.is_string() || value.is_number() || value.is_boolean()) return value;
      return wrong("Each value must be a number or text.");
    default:
      return value.is_null() ? wrong(messages_of(wording_).null) : reader.text(value);
  }
}

FieldReader::Value FieldReader::list(const Json& value) const {
  if (!value.is_array()) {
    if (rule_.loose) return list(Json::array({value}));
    if (wording_ == Wording::marshmallow) return wrong("Not a valid list.");
    return wrong("Expected a list of items but got type \"" + std::string{python_type(value)} + "\".");
  }
  if (rule_.items_max && value.size() > *rule_.items_max) {
    const auto limit = std::to_string(*rule_.items_max);
    if (wording_ == Wording::marshmallow) return wrong("Longer than maximum length " + limit + ".");
    return wrong("Ensure this field has no more than " + limit + " elements.");
  }
  const FieldRule item_rule{
      .name = rule_.name, .blank = true, .trim = rule_.trim, .length_max = rule_.length_max};
  const FieldReader reader{item_rule, rule_.loose ? Wording::marshmallow : wording_};
  Json items = Json::array();
  Body errors = Body::object();
  for (std::size_t index = 0; index < value.size(); ++index) {
    if (errors.size() == errors_told_max) {
      errors[std::to_string(index)] = {"Not checked, nor what follows: too many items are wrong."};
      break;
    }
    auto read = item(value[index], reader);
    if (read) {
      items.push_back(std::move(*read));
    } else if (rule_.loose) {
      return read;
    } else {
      errors[std::to_string(index)] = std::move(read.error());
    }
  }
  if (!errors.empty()) return std::unexpected(std::move(errors));
  return items;
}

std::string_view missing_message(Wording wording) {
  return messages_of(wording).required;
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

bool is_list(FieldType type) {
  return type == FieldType::texts || type == FieldType::uuids || type == FieldType::sizes ||
         type == FieldType::scalars;
}

}  // namespace fedlog::http
