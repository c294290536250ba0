#include <filesystem>

#include "storage/data_folder.h"
#include "storage/immediate_journal.h"
#include "storage/memory_tables.h"
#include "storage/table_storage.h"

namespace fedlog::storage {
namespace {

MasterKey random_key() {
  MasterKey key{};
  fill_random(key);
  return key;
}

struct HasMemoryTables {
  MemoryTables memory;
};

class MemoryStorage final : private HasMemoryTables, public TableStorage {
 public:
  MemoryStorage(const std::filesystem::path& blobs, const std::filesystem::path& temporary)
      : TableStorage(memory, random_key(), blobs, temporary), journal_(memory, vault()) {}

  Journal& journal() override { return journal_; }

 private:
  ImmediateJournal journal_;
};

}  // namespace

std::unique_ptr<Storage> open_memory_storage(const std::filesystem::path& blobs_folder) {
  const auto temporary = blobs_folder / "tmp";
  std::filesystem::create_directories(temporary);
  return std::make_unique<MemoryStorage>(blobs_folder, temporary);
}

}  // namespace fedlog::storage
