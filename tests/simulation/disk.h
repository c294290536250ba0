#pragma once

#include "storage/immediate_journal.h"
#include "storage/memory_tables.h"
#include "storage/table_storage.h"

namespace fedlog::simulation {

// What stays when the server ends: tables in memory, on which nothing can be written while they are full.
class Disk final : public storage::Tables {
 public:
  bool full = false;

  std::optional<std::string> get(storage::Table table, std::string_view key) const override {
    return tables_->get(table, key);
  }
  void scan(storage::Table table, std::string_view prefix, std::string_view from,
            const Visit& visit) const override {
    tables_->scan(table, prefix, from, visit);
  }
  std::optional<std::pair<std::string, std::string>> last(storage::Table table) const override {
    return tables_->last(table);
  }
  std::expected<void, storage::WriteFailure> write(const storage::Changes& changes,
                                                   storage::Durability durability) override {
    if (full) return std::unexpected(storage::WriteFailure{.disk_full = true, .message = "no room"});
    return tables_->write(changes, durability);
  }
  std::unique_ptr<storage::TableReader> snapshot() const override { return tables_->snapshot(); }

  // A backup, and the disk as it was then.
  [[nodiscard]] std::unique_ptr<storage::MemoryTables> copy() const {
    auto reader = tables_->snapshot();
    return std::unique_ptr<storage::MemoryTables>(static_cast<storage::MemoryTables*>(reader.release()));
  }
  void restore(std::unique_ptr<storage::MemoryTables> backup) { tables_ = std::move(backup); }

 private:
  std::unique_ptr<storage::MemoryTables> tables_ = std::make_unique<storage::MemoryTables>();
};

// The storage of one life of the server, on the disk that it finds. Keeps no blobs: nobody reads a model
// here.
class LifeStorage final : public storage::TableStorage {
 public:
  LifeStorage(Disk& disk, storage::Clock clock)
      : TableStorage(disk, storage::MasterKey{}, {}, {}), journal_(disk, vault(), std::move(clock)) {}

  storage::Journal& journal() override { return journal_; }

 private:
  storage::ImmediateJournal journal_;
};

}  // namespace fedlog::simulation
