#include "storage/data_folder.h"

#include <optional>
#include <utility>

#include "storage/checkpoint.h"
#include "storage/folder_access.h"
#include "storage/rebuild_views.h"
#include "storage/table_storage.h"
#include "storage/writer_journal.h"

namespace fedlog::storage {
namespace {

// Opened before what stands on them, closed after.
struct HasFolder {
  FolderLock lock;
  std::unique_ptr<Tables> tables;
};

class DataFolder final : private HasFolder, public TableStorage {
 public:
  DataFolder(FolderLock lock_taken, std::unique_ptr<Tables> opened, const MasterKey& key,
             const FolderLayout& layout, const StorageOptions& options)
      : HasFolder{std::move(lock_taken), std::move(opened)},
        TableStorage(*tables, key, layout.blobs(), layout.temporary()),
        journal_(*tables, vault(), writer_options(layout, options)) {}

  Journal& journal() override { return journal_; }

 private:
  static WriterOptions writer_options(const FolderLayout& layout, const StorageOptions& options) {
    WriterOptions writer;
    writer.group_events_max = options.group_commit_events_max;
    writer.checkpoint = [file = layout.head_checkpoint()](const LogHead& head) {
      write_checkpoint(file, {.position = head.position, .hash = head.hash});
    };
    return writer;
  }

  WriterJournal journal_;
};

void empty_folder(const std::filesystem::path& folder) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    std::filesystem::remove_all(entry.path(), error);
  }
}

std::expected<void, std::string> check_tables(Tables& tables, const Vault& vault,
                                              const FolderLayout& layout) {
  if (auto checked = check_master_key(tables, vault, layout); !checked) return checked;
  const auto checkpoint = read_checkpoint(layout.head_checkpoint());
  if (!checkpoint) return std::unexpected(checkpoint.error());
  if (*checkpoint) {
    if (auto compared = compare_with_checkpoint(tables, **checkpoint); !compared) {
      return std::unexpected("The journal in " + layout.root.string() + " is damaged: " + compared.error() +
                             ". " + damage_advice(layout));
    }
  }
  if (views_are_current(tables)) return {};
  const StoredKeyRing keys(tables, vault);
  if (auto rebuilt = rebuild_views(tables, EventCodec(keys)); !rebuilt)
    return std::unexpected(rebuilt.error().message);
  return {};
}

}  // namespace

std::expected<std::unique_ptr<Storage>, std::string> open_data_folder(const std::filesystem::path& folder,
                                                                      const StorageOptions& options) {
  const FolderLayout layout{folder};
  auto lock = prepare_folder(layout);
  if (!lock) return std::unexpected(lock.error());
  const auto key = read_master_key(layout);
  if (!key) return std::unexpected(key.error());
  auto tables =
      open_rocks_tables(layout.journal(), {.mode = RocksMode::serve, .wal_bytes_max = options.wal_bytes_max});
  if (!tables) {
    return std::unexpected("The journal in " + folder.string() +
                           " cannot be opened: " + tables.error().message + ". " +
                           (tables.error().damaged ? damage_advice(layout) : ""));
  }
  try {
    if (auto checked = check_tables(**tables, Vault(*key), layout); !checked) {
      return std::unexpected(checked.error());
    }
    empty_folder(layout.temporary());
    return std::make_unique<DataFolder>(std::move(*lock), std::move(*tables), *key, layout, options);
  } catch (const std::exception& error) {
    return std::unexpected("The journal in " + folder.string() + " is damaged: " + error.what() + ". " +
                           damage_advice(layout));
  }
}

}  // namespace fedlog::storage
