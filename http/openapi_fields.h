#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/body.h"
#include "http/field_rule.h"
#include "http/router.h"

// Requests in the API description, from the rules that read them.
namespace fedlog::http {

// A field's schema, as it is sent in a JSON body or (`form`) in a form or a query.
[[nodiscard]] Body field_schema(const FieldRule& rule, bool form);

// The requestBody of a call that reads one; null for others.
[[nodiscard]] Body request_body(const Route& route, const Operation& operation);

// A query or header parameter.
[[nodiscard]] Body parameter_of(const FieldRule& rule, std::string_view place);

// Whether the call changes something, and carries it out once for one Idempotency-Key.
[[nodiscard]] bool reads_idempotency_key(const Method& method);

// The answer to a body without the first field that it cannot do without; nothing if there is no such field.
[[nodiscard]] std::vector<Failure> missing_field_failure(const Operation& operation);

}  // namespace fedlog::http
