#pragma once

#include <string>

#include "storage/journal.h"
#include "storage/key_ring.h"
#include "storage/tables.h"
#include "storage/vault.h"

namespace fedlog::storage {

// The keys that are kept as secrets, wrapped under the data folder's key. Reads each time: what is erased is
// gone at once. Reader and vault must outlive it.
class StoredKeyRing final : public KeyRing {
 public:
  StoredKeyRing(const TableReader& reader, const Vault& vault) : reader_(&reader), vault_(&vault) {}

  // Throws std::runtime_error on a key that is there but cannot be unwrapped.
  [[nodiscard]] std::optional<UserKey> key_of(domain::UserId user) const override;
  [[nodiscard]] std::string lookup_digest(std::string_view text) const override;

 private:
  const TableReader* reader_;
  const Vault* vault_;
};

[[nodiscard]] SecretChange wrapped_key(const Vault& vault, domain::UserId user, const UserKey& key);

}  // namespace fedlog::storage
