#include "storage/rocks_tables.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <cstdarg>
#include <stdexcept>
#include <utility>
#include <vector>

namespace fedlog::storage {
namespace {

using Handles = std::vector<rocksdb::ColumnFamilyHandle*>;

rocksdb::Slice slice_of(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}
std::string_view view_of(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

void require(const rocksdb::Status& status) {
  if (!status.ok()) throw std::runtime_error("reading the journal failed: " + status.ToString());
}

// RocksDB's own log file lies on the same disk and must not be written: on a full one its second failing line
// ends the process (Debian's build asserts). What matters of it comes back as a status of each call.
class NoLog final : public rocksdb::Logger {
 public:
  NoLog() : Logger(rocksdb::InfoLogLevel::HEADER_LEVEL) {}
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// Reads of the database as it is, or as it was at `snapshot`.
class RocksReader {
 public:
  RocksReader(rocksdb::DB& database, const Handles& handles, const rocksdb::Snapshot* snapshot)
      : database_(database), handles_(handles) {
    options_.snapshot = snapshot;
  }

  [[nodiscard]] std::optional<std::string> get(Table table, std::string_view key) const {
    std::string value;
    const auto status = database_.Get(options_, handle_of(table), slice_of(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    require(status);
    return value;
  }

  void scan(Table table, std::string_view prefix, std::string_view from,
            const TableReader::Visit& visit) const {
    const auto entries = iterator(table);
    for (entries->Seek(slice_of(std::max(prefix, from))); entries->Valid(); entries->Next()) {
      const auto key = view_of(entries->key());
      if (!key.starts_with(prefix) || !visit(key, view_of(entries->value()))) return;
    }
    require(entries->status());
  }

  [[nodiscard]] std::optional<std::pair<std::string, std::string>> last(Table table) const {
    const auto entries = iterator(table);
    entries->SeekToLast();
    require(entries->status());
    if (!entries->Valid()) return std::nullopt;
    return std::pair{entries->key().ToString(), entries->value().ToString()};
  }

 private:
  [[nodiscard]] rocksdb::ColumnFamilyHandle* handle_of(Table table) const {
    return handles_[static_cast<std::size_t>(table)];
  }
  [[nodiscard]] std::unique_ptr<rocksdb::Iterator> iterator(Table table) const {
    return std::unique_ptr<rocksdb::Iterator>(database_.NewIterator(options_, handle_of(table)));
  }

  rocksdb::DB& database_;
  const Handles& handles_;
  rocksdb::ReadOptions options_;
};

class RocksSnapshot final : public TableReader {
 public:
  RocksSnapshot(rocksdb::DB& database, const Handles& handles)
      : database_(database), snapshot_(database.GetSnapshot()), reader_(database, handles, snapshot_) {}
  ~RocksSnapshot() override { database_.ReleaseSnapshot(snapshot_); }

  std::optional<std::string> get(Table table, std::string_view key) const override {
    return reader_.get(table, key);
  }
  void scan(Table table, std::string_view prefix, std::string_view from, const Visit& visit) const override {
    reader_.scan(table, prefix, from, visit);
  }
  std::optional<std::pair<std::string, std::string>> last(Table table) const override {
    return reader_.last(table);
  }

 private:
  rocksdb::DB& database_;
  const rocksdb::Snapshot* snapshot_;
  RocksReader reader_;
};

class RocksTables final : public Tables {
 public:
  // The last handle is the default family's, which is empty.
  RocksTables(std::unique_ptr<rocksdb::DB> database, Handles handles)
      : database_(std::move(database)),
        handles_(std::move(handles)),
        reader_(*database_, handles_, nullptr) {}

  ~RocksTables() override {
    for (auto* handle : handles_) database_->DestroyColumnFamilyHandle(handle);
    // What an earlier failure left open is found again in the write-ahead log.
    std::ignore = database_->Close();
  }

  std::optional<std::string> get(Table table, std::string_view key) const override {
    return reader_.get(table, key);
  }
  void scan(Table table, std::string_view prefix, std::string_view from, const Visit& visit) const override {
    reader_.scan(table, prefix, from, visit);
  }
  std::optional<std::pair<std::string, std::string>> last(Table table) const override {
    return reader_.last(table);
  }

  std::expected<void, WriteFailure> write(const Changes& changes, Durability durability) override {
    rocksdb::WriteBatch batch;
    for (std::size_t table = 0; table < table_count; ++table) {
      for (const auto& [key, value] : changes[table]) {
        const auto added =
            value ? batch.Put(handles_[table], key, *value) : batch.Delete(handles_[table], key);
        if (!added.ok()) return std::unexpected(failure_of(added));
      }
    }
    rocksdb::WriteOptions options;
    options.sync = durability == Durability::synced;
    const auto status = database_->Write(options, &batch);
    if (!status.ok()) return std::unexpected(failure_of(status));
    return {};
  }

  std::unique_ptr<TableReader> snapshot() const override {
    return std::make_unique<RocksSnapshot>(*database_, handles_);
  }

 private:
  static WriteFailure failure_of(const rocksdb::Status& status) {
    return {.disk_full = status.IsNoSpace(), .message = status.ToString()};
  }

  std::unique_ptr<rocksdb::DB> database_;
  Handles handles_;
  RocksReader reader_;
};

rocksdb::DBOptions database_options(const RocksOptions& options) {
  rocksdb::DBOptions database;
  database.create_if_missing = options.mode == RocksMode::serve;
  database.create_missing_column_families = options.mode == RocksMode::serve;
  database.paranoid_checks = true;
  database.max_total_wal_size = options.wal_bytes_max;
  // Looser recovery opens silently with acknowledged events missing: right for looking into damage and for
  // repair, which finds the gap, never for serving.
  const bool strict = options.mode == RocksMode::serve || options.mode == RocksMode::inspect;
  database.wal_recovery_mode = strict ? rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords
                                      : rocksdb::WALRecoveryMode::kSkipAnyCorruptedRecords;
  database.max_open_files = database_files_max;
  database.info_log = std::make_shared<NoLog>();
  return database;
}

}  // namespace

std::expected<std::unique_ptr<Tables>, RocksError> open_rocks_tables(const std::filesystem::path& folder,
                                                                     const RocksOptions& options) {
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const auto name : table_names)
    families.emplace_back(std::string(name), rocksdb::ColumnFamilyOptions{});
  families.emplace_back(rocksdb::kDefaultColumnFamilyName, rocksdb::ColumnFamilyOptions{});

  rocksdb::DB* opened = nullptr;
  Handles handles;
  const auto settings = database_options(options);
  const auto status =
      options.mode == RocksMode::inspect || options.mode == RocksMode::inspect_damaged
          ? rocksdb::DB::OpenForReadOnly(settings, folder.string(), families, &handles, &opened)
          : rocksdb::DB::Open(settings, folder.string(), families, &handles, &opened);
  if (!status.ok()) {
    return std::unexpected(RocksError{.damaged = status.IsCorruption(), .message = status.ToString()});
  }
  return std::make_unique<RocksTables>(std::unique_ptr<rocksdb::DB>(opened), std::move(handles));
}

}  // namespace fedlog::storage
