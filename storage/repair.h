#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string>

// Mending of data folders that no server uses. Errors are sentences for whoever runs it.
namespace fedlog::storage {

struct Truncation {
  std::uint64_t dropped_events = 0;  // of those that could still be read
};

// Drops every event after `position`, with what hangs on them: indexes, snapshots, later idempotency keys;
// then rebuilds the views and sets the checkpoint to the new end. The log must be there up to `position`.
// Secrets and blobs stay. Interrupted, it can be run again.
[[nodiscard]] std::expected<Truncation, std::string> truncate_after(const std::filesystem::path& folder,
                                                                    std::uint64_t position);

// Writes the views anew from the log.
[[nodiscard]] std::expected<void, std::string> rebuild_views(const std::filesystem::path& folder);

}  // namespace fedlog::storage
