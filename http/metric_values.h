#pragma once

#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "actors/gateway.h"
#include "http/field_rule.h"
#include "http/form_data.h"

namespace fedlog::http {

// What Python's float() reads: digits of any script, spaces around them, underscores between them, "1e5",
// ".5", "nan", "inf" and "infinity" in any case; too large is infinite. No hexadecimal.
[[nodiscard]] std::optional<double> parse_python_float(std::string_view text);

// metric_names and metric_values: repeated in a form, lists or single values in JSON.
[[nodiscard]] std::vector<FieldRule> metric_fields(bool required);

// The metrics in these fields of a request. None at all is an empty list; `required` makes that an error like
// any other mismatch.
[[nodiscard]] std::expected<std::vector<actors::MetricInput>, Response> read_metrics(const FormData& form,
                                                                                     bool required);

}  // namespace fedlog::http
