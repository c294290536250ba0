#pragma once

#include <array>
#include <cstddef>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "storage/key_value.h"

namespace fedlog::storage {

// What is kept, each table with ordered keys of its own. FORMAT.md, "Tables", has their keys and values.
enum class Table { log, streams, heads, secrets, commands, views, snapshots, meta };

inline constexpr std::size_t table_count = 8;

// Stored as the names of RocksDB's column families; never rename.
inline constexpr std::array<std::string_view, table_count> table_names{
    "log", "streams", "heads", "secrets", "commands", "views", "snapshots", "meta"};

// Reads throw std::runtime_error where stored bytes cannot be read or fail their checksum.
class TableReader {
 public:
  using Visit = KeyValueReader::Visit;

  virtual ~TableReader() = default;
  [[nodiscard]] virtual std::optional<std::string> get(Table table, std::string_view key) const = 0;

  // As KeyValueReader::scan. What is visited is the state when the scan began.
  virtual void scan(Table table, std::string_view prefix, std::string_view from,
                    const Visit& visit) const = 0;

  // The entry with the highest key.
  [[nodiscard]] virtual std::optional<std::pair<std::string, std::string>> last(Table table) const = 0;
};

// New values by table and key; none: erased.
using Changes = std::array<std::map<std::string, std::optional<std::string>, std::less<>>, table_count>;

struct WriteFailure {
  bool disk_full = false;
  std::string message;
};

enum class Durability {
  synced,    // on disk when it returns
  eventual,  // may be lost, as a whole, in a crash
};

// A store of tables. Any thread; writes come from one thread, snapshots' aside.
class Tables : public TableReader {
 public:
  // All or nothing.
  [[nodiscard]] virtual std::expected<void, WriteFailure> write(const Changes& changes,
                                                                Durability durability) = 0;

  // Everything as it is now, while others go on writing. The tables must outlive it.
  [[nodiscard]] virtual std::unique_ptr<TableReader> snapshot() const = 0;
};

// One table's keys and values. The reader must outlive it.
class TableView final : public KeyValueReader {
 public:
  TableView(const TableReader& reader, Table table) : reader_(&reader), table_(table) {}
  [[nodiscard]] std::optional<std::string> get(std::string_view key) const override {
    return reader_->get(table_, key);
  }
  void scan(std::string_view prefix, std::string_view from, const Visit& visit) const override {
    reader_->scan(table_, prefix, from, visit);
  }

 private:
  const TableReader* reader_;
  Table table_;
};

}  // namespace fedlog::storage
