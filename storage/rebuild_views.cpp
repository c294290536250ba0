#include "storage/rebuild_views.h"

#include <map>
#include <utility>
#include <vector>

#include "storage/log_keys.h"
#include "storage/memory_tables.h"
#include "storage/overlay.h"
#include "storage/projection.h"
#include "storage/table_journal.h"

namespace fedlog::storage {
namespace {

constexpr std::string_view revision_name = "views-revision";  // in the table `meta`; stored, never change
constexpr std::size_t events_per_write = 2048;
constexpr std::size_t keys_per_write = 16384;

// Folds envelopes in steps: `target` has the views, `log` the events and keys.
template <class Write>
std::expected<void, WriteFailure> fold(const TableReader& log, const TableReader& target,
                                       const EventCodec& codec, const Write& write) {
  for (std::uint64_t position = 1;;) {
    const auto envelopes = read_log(log, position, events_per_write);
    if (envelopes.empty()) return {};
    Overlay overlay(target);
    ViewWriter views(overlay);
    for (const auto& envelope : envelopes) project(envelope, codec, views);
    if (auto written = write(overlay.changes()); !written) return written;
    position = envelopes.back().position + 1;
  }
}

std::expected<void, WriteFailure> set_revision(Tables& tables, std::optional<std::uint64_t> revision) {
  Changes changes;
  changes[static_cast<std::size_t>(Table::meta)].emplace(
      revision_name, revision ? std::optional(big_endian(*revision)) : std::nullopt);
  return tables.write(changes, Durability::synced);
}

std::expected<void, WriteFailure> clear_views(Tables& tables) {
  for (;;) {
    Changes changes;
    auto& erased = changes[static_cast<std::size_t>(Table::views)];
    tables.scan(Table::views, {}, {}, [&](std::string_view key, std::string_view) {
      erased.emplace(key, std::nullopt);
      return erased.size() < keys_per_write;
    });
    if (erased.empty()) return {};
    if (auto written = tables.write(changes, Durability::eventual); !written) return written;
  }
}

// A key as people can look it up in FORMAT.md: its letters, and the rest in hexadecimal.
std::string printable(std::string_view key) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto name_size = key.find('/') == std::string_view::npos ? key.size() : key.find('/') + 1;
  std::string text(key.substr(0, name_size));
  for (const char byte : key.substr(name_size)) {
    text += digits[static_cast<std::uint8_t>(byte) >> 4];
    text += digits[static_cast<std::uint8_t>(byte) & 15];
  }
  return text;
}

}  // namespace

bool views_are_current(const TableReader& reader) {
  const auto revision = reader.get(Table::meta, revision_name);
  return revision && number_at_end(*revision) == views_revision;
}

std::expected<void, WriteFailure> rebuild_views(Tables& tables, const EventCodec& codec) {
  if (auto written = set_revision(tables, std::nullopt); !written) return written;
  if (auto written = clear_views(tables); !written) return written;
  const auto write = [&](const Changes& changes) { return tables.write(changes, Durability::eventual); };
  if (auto written = fold(tables, tables, codec, write); !written) return written;
  return set_revision(tables, views_revision);
}

std::optional<std::string> compare_views_with_log(const TableReader& reader, const EventCodec& codec) {
  MemoryTables expected;
  const auto write = [&](const Changes& changes) { return expected.write(changes, Durability::synced); };
  std::ignore = fold(reader, expected, codec, write);  // memory takes every write

  std::map<std::string, std::string> rows;
  expected.scan(Table::views, {}, {}, [&](std::string_view key, std::string_view value) {
    rows.emplace(key, value);
    return true;
  });
  std::optional<std::string> difference;
  reader.scan(Table::views, {}, {}, [&](std::string_view key, std::string_view value) {
    const auto row = rows.find(std::string(key));
    if (row == rows.end()) difference = "row " + printable(key) + " should not be there";
    if (row != rows.end() && row->second != value) difference = "row " + printable(key) + " is wrong";
    if (row != rows.end()) rows.erase(row);
    return !difference;
  });
  if (!difference && !rows.empty()) difference = "row " + printable(rows.begin()->first) + " is missing";
  return difference;
}

}  // namespace fedlog::storage
