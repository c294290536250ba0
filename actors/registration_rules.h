#pragma once

#include <optional>
#include <string>

#include "actors/gateway.h"

namespace fedlog::actors {

// What every user's name and endpoint must be, whoever gives them. Nothing: they are.
[[nodiscard]] std::optional<domain::Rejection> wrong_registration(const Registration& registration);
[[nodiscard]] std::optional<domain::Rejection> wrong_endpoint(const std::string& message_endpoint);

}  // namespace fedlog::actors
