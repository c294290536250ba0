#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/form_data.h"

// Requests' fields as declarations: what each must be, and in whose words a wrong one is refused.
namespace fedlog::http {

enum class FieldType {
  text,
  url,      // http or https
  boolean,  // as DRF reads it: "true", "yes", 1, ...
  integer,
  uuid,
  choice,
  texts,  // a list of text
  uuids,  // a list of UUIDs
  mapping,
};

struct FieldRule {
  std::string_view name;
  FieldType type = FieldType::text;
  bool required = false;
  nlohmann::json fallback = nullptr;  // the value when it is absent; null: then it stays absent
  bool blank = false;                 // whether text may be empty
  bool trim = true;                   // white space around text
  std::optional<std::size_t> length_max = std::nullopt;  // characters
  std::optional<std::int64_t> minimum = std::nullopt;
  std::optional<std::size_t> items_max = std::nullopt;  // of lists
  std::vector<std::string_view> choices = {};
};

// The contract's two families of messages.
enum class Wording {
  rest_framework,  // users, groups, models; unknown fields are ignored
  marshmallow,     // trainings; unknown fields are errors
};

// The values by name, each of its type: text, bool, integer, canonical UUID text, lists of them, objects. Of
// a form, a repeated field is a list where the rule says so, else its last value counts. With `partial`
// nothing is required. The error is the answer, with every wrong field in it.
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

// One integer of a form, in DRF's words.
[[nodiscard]] std::expected<std::int64_t, Response> read_integer(std::string_view name,
                                                                 const nlohmann::json& value);

}  // namespace fedlog::http
