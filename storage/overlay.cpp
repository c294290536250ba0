#include "storage/overlay.h"

#include <algorithm>

namespace fedlog::storage {
namespace {

auto& of(auto& changes, Table table) {
  return changes[static_cast<std::size_t>(table)];
}

}  // namespace

void Overlay::put(Table table, std::string_view key, std::string_view value) {
  of(changes_, table).insert_or_assign(std::string(key), std::string(value));
}

void Overlay::erase(Table table, std::string_view key) {
  of(changes_, table).insert_or_assign(std::string(key), std::nullopt);
}

void Overlay::put_all(Changes changes) {
  for (std::size_t table = 0; table < table_count; ++table) {
    for (auto& [key, value] : changes[table]) changes_[table].insert_or_assign(key, std::move(value));
  }
}

bool Overlay::empty() const {
  return std::ranges::all_of(changes_, [](const auto& table) { return table.empty(); });
}

std::optional<std::string> Overlay::get(Table table, std::string_view key) const {
  const auto& changes = of(changes_, table);
  const auto found = changes.find(key);
  return found == changes.end() ? base_->get(table, key) : found->second;
}

// Both are in order: goes along the base's entries and slips the changes in between.
void Overlay::scan(Table table, std::string_view prefix, std::string_view from, const Visit& visit) const {
  const auto& changes = of(changes_, table);
  auto change = changes.lower_bound(std::max(prefix, from));
  bool go_on = true;
  const auto visit_changes_before = [&](const std::string_view* limit) {
    for (; go_on && change != changes.end() && change->first.starts_with(prefix); ++change) {
      if (limit != nullptr && change->first >= *limit) return;
      if (change->second) go_on = visit(change->first, *change->second);
    }
  };
  base_->scan(table, prefix, from, [&](std::string_view key, std::string_view value) {
    visit_changes_before(&key);
    if (!go_on) return false;
    if (change != changes.end() && change->first == key) return true;  // its new value is still to come
    return go_on = visit(key, value);
  });
  if (go_on) visit_changes_before(nullptr);
}

std::optional<std::pair<std::string, std::string>> Overlay::last(Table table) const {
  std::optional<std::pair<std::string, std::string>> last;
  auto base = base_->last(table);
  const auto& changes = of(changes_, table);
  if (base && changes.contains(base->first)) {
    // Only the whole table knows what is before an entry that was erased or replaced.
    scan(table, {}, {}, [&](std::string_view key, std::string_view value) {
      last.emplace(key, value);
      return true;
    });
    return last;
  }
  last = std::move(base);
  for (auto change = changes.rbegin(); change != changes.rend(); ++change) {
    if (!change->second) continue;
    if (!last || last->first < change->first) last.emplace(change->first, *change->second);
    break;
  }
  return last;
}

}  // namespace fedlog::storage
