#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "storage/blob_store.h"
#include "storage/event_codec.h"
#include "storage/journal.h"
#include "storage/tables.h"
#include "storage/views.h"

namespace fedlog::storage {

// Everything that one server keeps, opened together and closed in the right order. Owns all parts; references
// stay valid as long as it lives.
class Storage {
 public:
  virtual ~Storage() = default;
  [[nodiscard]] virtual Journal& journal() = 0;
  [[nodiscard]] virtual BlobStore& blobs() = 0;
  [[nodiscard]] virtual const BlobStore& blobs() const = 0;
  [[nodiscard]] virtual const Views& views() const = 0;
  [[nodiscard]] virtual const EventCodec& codec() const = 0;

  // For a new user: a fresh key and the secret that keeps it, wrapped, to be committed with the registration.
  struct NewUserKey {
    UserKey key;
    SecretChange secret;
  };
  [[nodiscard]] virtual NewUserKey new_user_key(domain::UserId user) = 0;

  // Everything as it is now, while the server goes on: for verification and backups. Must not outlive this.
  [[nodiscard]] virtual std::unique_ptr<TableReader> snapshot() const = 0;

  // Secrets at rest are sealed under the data folder's own key: for what must be readable again (tokens).
  [[nodiscard]] virtual std::string seal(std::string_view plain) const = 0;
  [[nodiscard]] virtual std::optional<std::string> unseal(std::string_view sealed) const = 0;
};

}  // namespace fedlog::storage
