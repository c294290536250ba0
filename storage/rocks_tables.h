#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <string>

#include "storage/tables.h"

namespace fedlog::storage {

enum class RocksMode {
  serve,    // create what is missing; a torn tail of the write-ahead log is accepted, other damage is not
  inspect,  // read only, as strict
  inspect_damaged,  // read only, without the damaged records
  salvage,          // for repair: drop the damaged records for good
};

struct RocksOptions {
  RocksMode mode = RocksMode::serve;
  std::uint64_t wal_bytes_max = 256ULL << 20;
};

// The database keeps no more files open than these.
inline constexpr int database_files_max = 512;

struct RocksError {
  bool damaged = false;  // what is there is corrupt; else it cannot be opened for another reason
  std::string message;   // RocksDB's own
};

// The tables as column families of one RocksDB database in `folder`.
[[nodiscard]] std::expected<std::unique_ptr<Tables>, RocksError> open_rocks_tables(
    const std::filesystem::path& folder, const RocksOptions& options);

}  // namespace fedlog::storage
