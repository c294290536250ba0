#pragma once

#include <vector>

#include "http/body.h"
#include "http/router.h"

// Answers in the API description.
namespace fedlog::http {

// A call's responses: its own answers and failures, and those that every call of its kind has.
[[nodiscard]] Body responses_of(const Route& route, const Method& method, const Body& schemas);

// components.responses: what those refer to.
[[nodiscard]] Body shared_responses();

// An example of a schema, from the examples within it. `schemas` are those that "$ref" may name.
[[nodiscard]] Body example_of(const Body& schema, const Body& schemas);

}  // namespace fedlog::http
