#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "actors/gateway.h"
#include "http/message.h"

// Values as the API shows them: names and order of fields are the contract's. Fields of ours begin with x_.
namespace fedlog::http {

// Keeps its fields in the order of insertion.
using Body = nlohmann::ordered_json;

[[nodiscard]] Response body_response(int status, const Body& body);

// With the token only where one is given.
[[nodiscard]] Body serialized(const domain::User& user, const std::optional<std::string>& token = {});

[[nodiscard]] Body serialized(const domain::Group& group);

// Reads the model's small blobs (preprocessing, SWAG moments) through the gateway.
[[nodiscard]] actors::Result<Body> serialized(const domain::Model& model, actors::Gateway& gateway);
// With `stats`, null where there are none.
[[nodiscard]] actors::Result<Body> serialized_metadata(const domain::Model& model, actors::Gateway& gateway);

// A list does not show how many updates arrived; a single training does.
enum class Detail { list, single };
[[nodiscard]] Body serialized(const domain::Training& training, Detail detail);

// A number that JSON has no word for has null as value_float, and x_value_text ("NaN", "Infinity",
// "-Infinity").
[[nodiscard]] actors::Result<Body> serialized(const storage::MetricRow& row, actors::Gateway& gateway);

// A list of serialized values.
template <class Values, class Serialize>
[[nodiscard]] actors::Result<Body> serialized_list(const Values& values, const Serialize& serialize) {
  Body list = Body::array();
  for (const auto& value : values) {
    actors::Result<Body> each = serialize(value);
    if (!each) return each;
    list.push_back(std::move(*each));
  }
  return list;
}

}  // namespace fedlog::http
