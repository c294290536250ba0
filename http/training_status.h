#pragma once

#include "domain/training_status.h"
#include "http/body.h"

namespace fedlog::http {

// A training's status as the API and `fedlog why --json` show it: sentences for people (`summary`, `advice`,
// what `says` of each who is awaited), and the same in fields. `name_of_user` is what sentences call a user.
[[nodiscard]] Body serialized(const domain::TrainingStatus& status, const domain::NameOf& name_of_user);

// The same sentences, a line each.
[[nodiscard]] std::string readable(const Body& status);

}  // namespace fedlog::http
