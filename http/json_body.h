#pragma once

#include <cstddef>
#include <expected>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace fedlog::http {

struct JsonLimits {
  std::size_t depth_max = 64;
  // Numbers, texts, lists and objects, wherever they stand: each takes many times its text in memory.
  std::size_t values_max = 10'000;
};

// Parses strict JSON (RFC 8259: no NaN, no Infinity, no byte order mark, valid UTF-8, no lone surrogate). Of
// a repeated key the last value counts. The error is worded as Python's json module does, which is what the
// contract's clients see after "JSON parse error - ". Integers beyond 64 bits become floats; a float out of
// range is refused.
[[nodiscard]] std::expected<nlohmann::json, std::string> parse_json(std::string_view text,
                                                                    JsonLimits limits = {});

}  // namespace fedlog::http
