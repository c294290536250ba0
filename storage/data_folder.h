#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>

#include "storage/storage.h"

namespace fedlog::storage {

struct StorageOptions {
  std::uint64_t wal_bytes_max = 256ULL << 20;
  std::size_t group_commit_events_max = 1024;
};

// Opens the data folder, creating what is missing, and locks it. The error says what is wrong and what to do:
// another server holds it, a newer version wrote it, the journal is damaged (naming `fedlog verify` and
// `fedlog repair`), ...
[[nodiscard]] std::expected<std::unique_ptr<Storage>, std::string> open_data_folder(
    const std::filesystem::path& folder, const StorageOptions& options);

// The twin for tests: all in memory but blobs, which are files under `blobs_folder`. Its journal has no
// thread: `append` calls `done` before it returns (called from within a `done`, soon after).
[[nodiscard]] std::unique_ptr<Storage> open_memory_storage(const std::filesystem::path& blobs_folder);

}  // namespace fedlog::storage
