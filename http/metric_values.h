#pragma once

#include <expected>
#include <optional>
#include <string_view>
#include <vector>

#include "actors/gateway.h"
#include "http/form_data.h"

namespace fedlog::http {

// What Python's float() reads: spaces around it, underscores between digits, "1e5", ".5", "nan", "inf" and
// "infinity" in any case; too large is infinite. No hexadecimal.
[[nodiscard]] std::optional<double> parse_python_float(std::string_view text);

// The metrics of a request: the fields metric_names and metric_values, repeated in a form, lists or single
// values in JSON. None at all is an empty list; `required` makes that an error like any other mismatch.
[[nodiscard]] std::expected<std::vector<actors::MetricInput>, Response> read_metrics(const FormData& form,
                                                                                     bool required);

}  // namespace fedlog::http
