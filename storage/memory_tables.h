#pragma once

#include <mutex>
#include <shared_mutex>

#include "storage/tables.h"

namespace fedlog::storage {

// Tables in memory, for tests. A scan copies what it visits, so that a visitor may read and others write.
class MemoryTables final : public Tables {
 public:
  [[nodiscard]] std::optional<std::string> get(Table table, std::string_view key) const override;
  void scan(Table table, std::string_view prefix, std::string_view from, const Visit& visit) const override;
  [[nodiscard]] std::optional<std::pair<std::string, std::string>> last(Table table) const override;
  [[nodiscard]] std::expected<void, WriteFailure> write(const Changes& changes,
                                                        Durability durability) override;
  [[nodiscard]] std::unique_ptr<TableReader> snapshot() const override;

 private:
  using Entries = std::map<std::string, std::string, std::less<>>;

  mutable std::shared_mutex mutex_;
  std::array<Entries, table_count> tables_;
};

}  // namespace fedlog::storage
