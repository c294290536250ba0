#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <string_view>

#include "http/body.h"
#include "http/field_rule.h"

namespace fedlog::http {

// So many unknown fields, or wrong items of a list, are named; more of them would only be a large answer.
inline constexpr std::size_t errors_told_max = 100;

// Reads one value by its rule.
class FieldReader {
 public:
  // The value, or the messages: a list, or for lists an object of them by index.
  using Value = std::expected<nlohmann::json, Body>;

  // The rule must outlive it.
  FieldReader(const FieldRule& rule, Wording wording) : rule_(rule), wording_(wording) {}

  [[nodiscard]] Value read(const nlohmann::json& value) const;

 private:
  [[nodiscard]] Value text(const nlohmann::json& value) const;
  [[nodiscard]] Value url(const nlohmann::json& value) const;
  [[nodiscard]] Value boolean(const nlohmann::json& value) const;
  [[nodiscard]] Value integer(const nlohmann::json& value) const;
  [[nodiscard]] Value uuid(const nlohmann::json& value) const;
  [[nodiscard]] Value choice(const nlohmann::json& value) const;
  [[nodiscard]] Value list(const nlohmann::json& value) const;
  [[nodiscard]] Value item(const nlohmann::json& value, const FieldReader& reader) const;
  [[nodiscard]] Value size(const nlohmann::json& value) const;

  const FieldRule& rule_;
  Wording wording_;
};

// The message for a required field that is absent.
[[nodiscard]] std::string_view missing_message(Wording wording);

// The name that a value's type has in Python, which DRF's messages show.
[[nodiscard]] std::string_view python_type(const nlohmann::json& value);

[[nodiscard]] bool is_list(FieldType type);

}  // namespace fedlog::http
