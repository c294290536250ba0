#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <vector>

namespace fedlog::http {

enum class FieldType {
  text,
  url,      // http or https
  boolean,  // as DRF reads it: "true", "yes", 1, ...
  integer,
  uuid,
  choice,
  texts,    // a list of text
  uuids,    // a list of UUIDs
  mapping,  // a JSON object; in a form its text
  sizes,    // a list of whole numbers from 1 on, or null, which a form spells "None"
  scalars,  // a list of numbers and texts
  json,     // any value
  file,     // a part of a multipart body; read by read_form_with_uploads, not by read_fields
};

// One field of a request: what it must be, and what it means. The same rule reads requests, answers OPTIONS
// and stands in the API description.
struct FieldRule {
  std::string_view name;
  FieldType type = FieldType::text;
  bool required = false;
  nlohmann::json fallback = nullptr;  // the value when it is absent; null: then it stays absent
  bool blank = false;                 // whether text may be empty
  bool trim = true;                   // white space around text
  std::optional<std::size_t> length_max = std::nullopt;  // characters; of lists, of each item
  std::optional<std::int64_t> minimum = std::nullopt;
  std::optional<std::int64_t> maximum = std::nullopt;
  std::optional<std::size_t> items_max = std::nullopt;  // of lists
  std::vector<std::string_view> choices = {};
  // Of a URL: a text that begins with it is accepted as well.
  std::string_view other_scheme = {};
  // Of choices: another text counts as the fallback instead of being refused.
  bool others_fall_back = false;
  // Of lists: one value is a list of one, null is none, and the first item that is wrong is told of as if the
  // field were that item alone.
  bool loose = false;
  std::string_view description = {};
  nlohmann::json example = nullptr;
  // Of a mapping: the name of the schema in openapi_components.cpp that tells what may stand in it.
  std::string_view schema = {};
};

// How requests that are wrong are told so: the contract's families of messages.
enum class Wording {
  rest_framework,  // users, groups; unknown fields are ignored (as in all but marshmallow's)
  marshmallow,     // trainings; unknown fields are errors
  model_upload,    // as rest_framework, but what is missing or no list of models is told in a bare list
  model_update,    // as rest_framework, but a missing field is Python's KeyError: {"detail": "'round'"}
  metrics,         // as rest_framework, but missing names or values are told in one detail
  own,             // the handler's
};

}  // namespace fedlog::http
