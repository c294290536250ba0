#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/settings.h"

// The one table of keys: reading, checking and the sample file all come from it.
namespace fedlog::config {

using Value = std::variant<bool, std::int64_t, std::string, std::vector<std::string>>;

struct Range {
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};

struct Key {
  std::string_view name;  // "section.key"
  std::string_view documentation;
  Range range;                                 // of an integer
  std::vector<std::string_view> choices = {};  // of a text that names one of a few; empty for free text
  // What a text, or each one of a list, must look like, in words; empty for anything.
  std::string_view form = {};
  bool (*has_form)(std::string_view) = nullptr;
  Value (*get)(const Settings&) = nullptr;
  void (*set)(Settings&,
              const Value&) = nullptr;  // of the alternative that `get` returns, within range and choices
};

[[nodiscard]] std::span<const Key> keys();

// What a value of this key may be, in words: "a whole number from 1 to 65535".
[[nodiscard]] std::string allowed(const Key& key);

// "server.listen" -> "FEDLOG_SERVER__LISTEN"
[[nodiscard]] std::string variable_name(std::string_view key);

}  // namespace fedlog::config
