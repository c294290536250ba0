#pragma once

#include <expected>
#include <vector>

#include "actors/gateway.h"
#include "http/field_rule.h"
#include "http/form_data.h"

namespace fedlog::http {

inline constexpr std::size_t message_endpoint_length_max = 2048;

// What a new user must be given, by the API and by the command line alike.
[[nodiscard]] const std::vector<FieldRule>& registration_fields();

// Who has no message endpoint cannot be notified of anything: enough for an operator, who alone may leave it
// out. The error is the answer, with every wrong field in it.
enum class Endpoint { required, optional };
[[nodiscard]] std::expected<actors::Registration, Response> read_registration(const FormData& form,
                                                                              Endpoint endpoint);

}  // namespace fedlog::http
