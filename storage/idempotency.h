#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "domain/identifiers.h"
#include "storage/overlay.h"
#include "storage/vault.h"

namespace fedlog::storage {

// Which idempotency keys were used in the last 24 hours of the log's time, and what was replied, sealed. Each
// use forgets a few that are older, so that they do not add up.
class Idempotency {
 public:
  Idempotency(Overlay& overlay, const Vault& vault) : overlay_(&overlay), vault_(&vault) {}

  // None: the key is free.
  [[nodiscard]] std::optional<std::string> reply_to(std::string_view key, domain::Timestamp now) const;
  void remember(std::string_view key, std::string_view reply, domain::Timestamp now);

 private:
  void forget_expired(domain::Timestamp now);

  Overlay* overlay_;
  const Vault* vault_;
};

// Frees the keys that were used after `time`: for a log that ends there now.
void forget_used_after(Overlay& overlay, domain::Timestamp time);

}  // namespace fedlog::storage
