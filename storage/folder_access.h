#pragma once

#include <expected>
#include <memory>
#include <string>

#include "storage/folder_layout.h"
#include "storage/folder_lock.h"
#include "storage/rocks_tables.h"
#include "storage/vault.h"

namespace fedlog::storage {

// The steps of opening a data folder that a server, verification and repair share. Errors are sentences for
// whoever runs them.

// Creates a folder that is not there or empty, with VERSION and keys; locks it; checks VERSION.
[[nodiscard]] std::expected<FolderLock, std::string> prepare_folder(const FolderLayout& layout);

// Locks a folder that must be there, and checks VERSION.
[[nodiscard]] std::expected<FolderLock, std::string> enter_folder(const FolderLayout& layout);

[[nodiscard]] std::expected<MasterKey, std::string> read_master_key(const FolderLayout& layout);

// Whether the key is the one that the journal was begun with; with none written yet, writes its mark.
[[nodiscard]] std::expected<void, std::string> check_master_key(Tables& tables, const Vault& vault,
                                                                const FolderLayout& layout);

// Names the commands that look into a damaged journal and mend it.
[[nodiscard]] std::string damage_advice(const FolderLayout& layout);

}  // namespace fedlog::storage
