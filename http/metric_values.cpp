#include "http/metric_values.h"

#include <charconv>
#include <limits>
#include <string>

#include "http/errors.h"
#include "http/request_fields.h"
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

std::variant<double, std::string> value_of(const nlohmann::json& value) {
  if (value.is_number()) return value.get<double>();
  if (value.is_boolean()) return value.get<bool>() ? 1.0 : 0.0;
  const auto& text = value.get_ref<const std::string&>();
  if (const auto number = parse_python_float(text)) return *number;
  return text;
}

}  // namespace

std::optional<double> parse_python_float(std::string_view text) {
  const auto bare = without_underscores(numeric_text(text));
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

std::vector<FieldRule> metric_fields(bool required) {
  return {{.name = "metric_names",
           .type = FieldType::texts,
           .required = required,
           .trim = false,
           .length_max = name_length_max,
           .items_max = metrics_max,
           .loose = true,
           .description = "The metrics' names, as many as there are values.",
           .example = {"loss", "accuracy"}},
          {.name = "metric_values",
           .type = FieldType::scalars,
           .required = required,
           .items_max = metrics_max,
           .loose = true,
           .description =
               "The metrics' values. What Python's float() reads is kept as a number, all else as bytes.",
           .example = {0.25, 0.93}}};
}

std::expected<std::vector<actors::MetricInput>, Response> read_metrics(const FormData& form, bool required) {
  const auto read = read_fields(form, metric_fields(required), Wording::metrics);
  if (!read) return std::unexpected(read.error());
  const auto names = read->value("metric_names", nlohmann::json::array());
  const auto values = read->value("metric_values", nlohmann::json::array());
  if (names.empty() != values.empty() || (required && names.empty())) {
    return std::unexpected(detail_response(400, "Metric names or values are missing"));
  }
  if (names.size() != values.size()) {
    return std::unexpected(detail_response(400, "Metric names and values must have the same length"));
  }
  std::vector<actors::MetricInput> metrics;
  metrics.reserve(names.size());
  for (std::size_t index = 0; index < names.size(); ++index) {
    metrics.push_back({.name = names[index].get<std::string>(), .value = value_of(values[index])});
  }
  return metrics;
}

}  // namespace fedlog::http
