#include "http/metric_values.h"

#include <charconv>
#include <limits>
#include <string>

#include "http/errors.h"
#include "http/text.h"

namespace fedlog::http {

namespace {

constexpr std::size_t name_length_max = 32;
constexpr std::size_t metrics_max = 256;  // all are kept in one event, which holds 64 KiB

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

std::optional<double> parse_special(std::string_view text) {
  if (equals_ignoring_case(text, "inf") || equals_ignoring_case(text, "infinity")) {
    return std::numeric_limits<double>::infinity();
  }
  if (equals_ignoring_case(text, "nan")) return std::numeric_limits<double>::quiet_NaN();
  return std::nullopt;
}

// Without underscores; nothing if one does not stand between two digits.
std::optional<std::string> without_underscores(std::string_view text) {
  std::string result;
  for (std::size_t index = 0; index < text.size(); ++index) {
    if (text[index] != '_') {
      result.push_back(text[index]);
      continue;
    }
    const bool between =
        index > 0 && index + 1 < text.size() && is_digit(text[index - 1]) && is_digit(text[index + 1]);
    if (!between) return std::nullopt;
  }
  return result;
}

// from_chars reports both ways out of range alike: whether the number is below one decides which it was.
double out_of_range(std::string_view digits) {
  const auto exponent = digits.find_first_of("eE");
  if (exponent != std::string_view::npos) {
    return exponent + 1 < digits.size() && digits[exponent + 1] == '-'
               ? 0.0
               : std::numeric_limits<double>::infinity();
  }
  const auto first = digits.find_first_not_of('0');
  return first != std::string_view::npos && digits[first] == '.' ? 0.0
                                                                 : std::numeric_limits<double>::infinity();
}

std::expected<std::variant<double, std::string>, Response> read_value(const nlohmann::json& value) {
  if (value.is_number()) return value.get<double>();
  if (value.is_boolean()) return value.get<bool>() ? 1.0 : 0.0;
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (const auto number = parse_python_float(text)) return *number;
    return text;
  }
  FieldErrors errors;
  errors.add("metric_values", "Each value must be a number or text.");
  return std::unexpected(field_errors_response(errors));
}

std::vector<nlohmann::json> read_list(const FormData& form, const char* name) {
  std::vector<nlohmann::json> values;
  if (!form.document) {
    for (auto& value : form.all(name)) values.emplace_back(std::move(value));
    return values;
  }
  if (!form.document->is_object() || !form.document->contains(name)) return values;
  const auto& value = form.document->at(name);
  if (value.is_null()) return values;
  if (!value.is_array()) return {value};
  values.assign(value.begin(), value.end());
  return values;
}

}  // namespace

std::optional<double> parse_python_float(std::string_view text) {
  text = stripped(text);
  const auto bare = without_underscores(text);
  if (!bare) return std::nullopt;
  std::string_view digits = *bare;
  const bool negative = digits.starts_with('-');
  if (negative || digits.starts_with('+')) digits.remove_prefix(1);
  if (digits.empty()) return std::nullopt;
  const double sign = negative ? -1.0 : 1.0;
  // from_chars has special values of its own ("nan(...)"), which Python has not.
  if (!is_digit(digits.front()) && digits.front() != '.') {
    const auto special = parse_special(digits);
    return special ? std::optional{sign * *special} : std::nullopt;
  }
  double value = 0;
  const auto* end = digits.data() + digits.size();
  const auto result = std::from_chars(digits.data(), end, value, std::chars_format::general);
  if (result.ptr != end) return std::nullopt;
  if (result.ec == std::errc::result_out_of_range) return sign * out_of_range(digits);
  if (result.ec != std::errc{}) return std::nullopt;
  return sign * value;
}

std::expected<std::vector<actors::MetricInput>, Response> read_metrics(const FormData& form, bool required) {
  const auto names = read_list(form, "metric_names");
  const auto values = read_list(form, "metric_values");
  if (names.empty() != values.empty() || (required && names.empty())) {
    return std::unexpected(detail_response(400, "Metric names or values are missing"));
  }
  if (names.size() != values.size()) {
    return std::unexpected(detail_response(400, "Metric names and values must have the same length"));
  }
  FieldErrors errors;
  if (names.size() > metrics_max) {
    errors.add("metric_names", "Ensure this field has no more than 256 elements.");
    return std::unexpected(field_errors_response(errors));
  }
  std::vector<actors::MetricInput> metrics;
  for (std::size_t index = 0; index < names.size(); ++index) {
    if (!names[index].is_string()) {
      errors.add("metric_names", "Not a valid string.");
    } else if (const auto& name = names[index].get_ref<const std::string&>();
               character_count(name) > name_length_max) {
      errors.add("metric_names", "Ensure this field has no more than 32 characters.");
    } else if (name.find('\0') != std::string::npos) {
      errors.add("metric_names", "Null characters are not allowed.");
    }
    if (!errors.empty()) return std::unexpected(field_errors_response(errors));
    auto value = read_value(values[index]);
    if (!value) return std::unexpected(std::move(value.error()));
    metrics.push_back({.name = names[index].get<std::string>(), .value = std::move(*value)});
  }
  return metrics;
}

}  // namespace fedlog::http
