#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>

#include "storage/blob_store.h"
#include "storage/event_codec.h"
#include "storage/journal.h"
#include "storage/key_value.h"
#include "storage/views.h"

namespace fedlog::storage {

struct StorageOptions {
  std::uint64_t wal_bytes_max = 256ULL << 20;
  std::size_t group_commit_events_max = 1024;
};

// Everything that one server keeps, opened together and closed in the right order. Owns all parts; references
// stay valid as long as it lives.
class Storage {
 public:
  virtual ~Storage() = default;
  [[nodiscard]] virtual Journal& journal() = 0;
  [[nodiscard]] virtual BlobStore& blobs() = 0;
  [[nodiscard]] virtual const Views& views() const = 0;
  [[nodiscard]] virtual const EventCodec& codec() const = 0;

  // For a new user: a fresh key and the secret that keeps it, wrapped, to be committed with the registration.
  struct NewUserKey {
    UserKey key;
    SecretChange secret;
  };
  [[nodiscard]] virtual NewUserKey new_user_key(domain::UserId user) = 0;

  // Secrets at rest are sealed under the data folder's own key: for what must be readable again (tokens).
  [[nodiscard]] virtual std::string seal(std::string_view plain) const = 0;
  [[nodiscard]] virtual std::optional<std::string> unseal(std::string_view sealed) const = 0;
};

// Opens the data folder, creating what is missing, and locks it. The error says what is wrong and what to do:
// another server holds it, a newer version wrote it, the journal is damaged (naming `fedlog verify` and
// `fedlog repair`), ...
[[nodiscard]] std::expected<std::unique_ptr<Storage>, std::string> open_data_folder(
    const std::filesystem::path& folder, const StorageOptions& options);

// The twin for tests: all in memory but blobs, which are files under `blobs_folder`.
[[nodiscard]] std::unique_ptr<Storage> open_memory_storage(const std::filesystem::path& blobs_folder);

}  // namespace fedlog::storage
