#pragma once

#include <optional>
#include <string>

#include "domain/identifiers.h"
#include "storage/storage.h"

namespace fedlog::actors {

// Where the secret with which a user's notifications are signed lies beside the log, sealed.
[[nodiscard]] std::string webhook_secret_key(domain::UserId user);

// None where the user has none, or the stored one is damaged.
[[nodiscard]] std::optional<std::string> webhook_secret_of(storage::Storage& storage, domain::UserId user);

}  // namespace fedlog::actors
