#include "storage/memory_tables.h"

#include <algorithm>
#include <vector>

namespace fedlog::storage {

std::optional<std::string> MemoryTables::get(Table table, std::string_view key) const {
  const std::shared_lock lock(mutex_);
  const auto& entries = tables_[static_cast<std::size_t>(table)];
  const auto found = entries.find(key);
  return found == entries.end() ? std::nullopt : std::optional(found->second);
}

void MemoryTables::scan(Table table, std::string_view prefix, std::string_view from,
                        const Visit& visit) const {
  std::vector<std::pair<std::string, std::string>> found;
  {
    const std::shared_lock lock(mutex_);
    const auto& entries = tables_[static_cast<std::size_t>(table)];
    for (auto entry = entries.lower_bound(std::max(prefix, from));
         entry != entries.end() && entry->first.starts_with(prefix); ++entry) {
      found.emplace_back(entry->first, entry->second);
    }
  }
  for (const auto& [key, value] : found) {
    if (!visit(key, value)) return;
  }
}

std::optional<std::pair<std::string, std::string>> MemoryTables::last(Table table) const {
  const std::shared_lock lock(mutex_);
  const auto& entries = tables_[static_cast<std::size_t>(table)];
  if (entries.empty()) return std::nullopt;
  return std::pair{entries.rbegin()->first, entries.rbegin()->second};
}

std::expected<void, WriteFailure> MemoryTables::write(const Changes& changes, Durability) {
  const std::unique_lock lock(mutex_);
  for (std::size_t table = 0; table < table_count; ++table) {
    for (const auto& [key, value] : changes[table]) {
      if (value) {
        tables_[table].insert_or_assign(key, *value);
      } else {
        tables_[table].erase(key);
      }
    }
  }
  return {};
}

std::unique_ptr<TableReader> MemoryTables::snapshot() const {
  auto copy = std::make_unique<MemoryTables>();
  const std::shared_lock lock(mutex_);
  copy->tables_ = tables_;
  return copy;
}

}  // namespace fedlog::storage
