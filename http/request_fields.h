#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/field_rule.h"
#include "http/form_data.h"

// Requests' fields as declarations: what each must be, and in whose words a wrong one is refused.
namespace fedlog::http {

// The values by name, each of its type: text, bool, integer, canonical UUID text, lists of them, objects. Of
// a form, a repeated field is a list where the rule says so, else its last value counts. Files are not looked
// at. With `partial` nothing is required. The error is the answer, with every wrong field in it.
[[nodiscard]] std::expected<nlohmann::json, Response> read_fields(const FormData& form,
                                                                  const std::vector<FieldRule>& rules,
                                                                  Wording wording, bool partial = false);

// The ids in a list of UUIDs that read_fields gave.
template <class Id>
[[nodiscard]] std::vector<Id> ids_of(const nlohmann::json& values) {
  std::vector<Id> ids;
  for (const auto& value : values) ids.push_back(*Id::parse(value.get<std::string>()));
  return ids;
}

// A field as it came, unread: the document's value, or a form's last text of that name.
[[nodiscard]] std::optional<nlohmann::json> raw_field(const FormData& form, std::string_view name);

// The same, taken out of the form where that saves a copy.
[[nodiscard]] std::optional<nlohmann::json> take_field(FormData& form, std::string_view name);

}  // namespace fedlog::http
