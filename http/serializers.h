#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "actors/gateway.h"
#include "http/body.h"
#include "http/bounded_text.h"
#include "http/errors.h"
#include "http/message.h"

// Values as the API shows them: names and order of fields are the contract's. Fields of ours begin with x_.
namespace fedlog::http {

// With the token only where one is given, and x_active (false) only of who was deactivated.
[[nodiscard]] Body serialized(const domain::User& user, const std::optional<std::string>& token = {});

[[nodiscard]] Body serialized(const domain::Group& group);

// With the model's files (preprocessing, SWAG moments), read through the gateway one after the other; so it
// is appended to a text that has its limits. `stats`, null where there are none, only in a model's metadata.
[[nodiscard]] actors::Result<void> append_serialized(BoundedText& json, const domain::Model& model,
                                                     actors::Gateway& gateway,
                                                     const std::optional<Body>& stats = std::nullopt);

// A list does not show how many updates arrived; a single training does. Both have x_reason in state ERROR,
// x_waiting_for (whose part is missing) while it runs, x_deadline where there is one, and x_paused where it
// is.
enum class Detail { list, single };
[[nodiscard]] Body serialized(const domain::Training& training, Detail detail);

// Appended to a text as it stands, since lists of metrics are the longest. A number that JSON has no word for
// has null as value_float, and x_value_text ("NaN", "Infinity", "-Infinity").
[[nodiscard]] actors::Result<void> append_serialized(BoundedText& json, const storage::MetricRow& row,
                                                     actors::Gateway& gateway);

}  // namespace fedlog::http
