#pragma once

#include <expected>
#include <filesystem>
#include <optional>
#include <string>

#include "storage/log_head.h"
#include "storage/tables.h"

namespace fedlog::storage {

// How far the log was on disk, kept outside of the database: only this can tell a log whose end is missing
// from one that ends there. `checkpoints/head` in the data folder.
struct Checkpoint {
  std::uint64_t position = 0;
  Hash hash{};  // of the envelope at that position
};

// None: there is none yet. The error says that the file is damaged and what to do.
[[nodiscard]] std::expected<std::optional<Checkpoint>, std::string> read_checkpoint(
    const std::filesystem::path& file);

// Atomically; returns whether it did. The old one remains right, if less strict.
bool write_checkpoint(const std::filesystem::path& file, const Checkpoint& checkpoint);

// The error says how the log contradicts the checkpoint.
[[nodiscard]] std::expected<void, std::string> compare_with_checkpoint(const TableReader& reader,
                                                                       const Checkpoint& checkpoint);

}  // namespace fedlog::storage
