#include "storage/repair.h"

#include <exception>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "storage/checkpoint.h"
#include "storage/described.h"
#include "storage/envelope_codec.h"
#include "storage/folder_access.h"
#include "storage/idempotency.h"
#include "storage/log_keys.h"
#include "storage/overlay.h"
#include "storage/rebuild_views.h"
#include "storage/stored_key_ring.h"

namespace fedlog::storage {
namespace {

struct OpenedFolder {
  FolderLock lock;
  MasterKey key;
  std::unique_ptr<Tables> tables;
};

std::expected<OpenedFolder, std::string> open(const FolderLayout& layout, RocksMode mode) {
  auto lock = enter_folder(layout);
  if (!lock) return std::unexpected(lock.error());
  const auto key = read_master_key(layout);
  if (!key) return std::unexpected(key.error());
  auto tables = open_rocks_tables(layout.journal(), {.mode = mode});
  if (!tables) return std::unexpected("the journal cannot be opened: " + tables.error().message);
  return OpenedFolder{std::move(*lock), *key, std::move(*tables)};
}

std::expected<void, std::string> rebuild(OpenedFolder& folder) {
  const Vault vault(folder.key);
  const StoredKeyRing keys(*folder.tables, vault);
  const auto rebuilt = rebuild_views(*folder.tables, EventCodec(keys));
  if (!rebuilt) return std::unexpected(rebuilt.error().message);
  return {};
}

void erase_all(Overlay& overlay, const TableReader& reader, Table table) {
  reader.scan(table, {}, {}, [&](std::string_view key, std::string_view) {
    overlay.erase(table, key);
    return true;
  });
}

// The log up to `position`, and indexes and heads that are made of nothing else.
std::expected<Truncation, std::string> truncate(Tables& tables, std::uint64_t position) {
  Overlay overlay(tables);
  for (const auto table : {Table::streams, Table::heads, Table::snapshots}) {
    erase_all(overlay, tables, table);
  }
  Truncation truncation;
  std::map<StreamName, StreamHead> heads;
  std::uint64_t kept = 0;
  domain::Timestamp last_time;
  std::optional<std::string> error;
  tables.scan(Table::log, {}, {}, [&](std::string_view key, std::string_view value) {
    const auto at = number_at_end(key);
    if (at > position) {
      overlay.erase(Table::log, key);
      ++truncation.dropped_events;
      return true;
    }
    const auto envelope = decode_envelope(value);
    if (!envelope || at != kept + 1) {
      error = "the log is sound up to position " + std::to_string(kept) + " only: truncate after that";
      return false;
    }
    kept = at;
    last_time = envelope->time;
    heads[envelope->stream] = {.version = envelope->version, .hash = envelope->hash};
    overlay.put(Table::streams, stream_key(envelope->stream, envelope->version), big_endian(at));
    return true;
  });
  if (error) return std::unexpected(*error);
  if (kept != position) {
    return std::unexpected("the log ends at position " + std::to_string(kept) +
                           " already: truncate after that, or after an earlier one");
  }
  for (const auto& [stream, head] : heads) overlay.put(Table::heads, stream, encode(head));
  forget_used_after(overlay, last_time);
  if (const auto written = tables.write(overlay.changes(), Durability::synced); !written) {
    return std::unexpected(written.error().message);
  }
  return truncation;
}

}  // namespace

std::expected<Truncation, std::string> truncate_after(const std::filesystem::path& folder,
                                                      std::uint64_t position) {
  const FolderLayout layout{folder};
  auto opened = open(layout, RocksMode::salvage);
  if (!opened) return std::unexpected(opened.error());
  try {
    auto truncation = truncate(*opened->tables, position);
    if (!truncation) return truncation;
    if (const auto rebuilt = rebuild(*opened); !rebuilt) return std::unexpected(rebuilt.error());
    const auto head = read_log_head(*opened->tables);
    if (!write_checkpoint(layout.head_checkpoint(), {.position = head.position, .hash = head.hash})) {
      return std::unexpected("the journal is truncated, but " + layout.head_checkpoint().string() +
                             " cannot be written: run the repair again");
    }
    return truncation;
  } catch (const std::exception& error) {
    return std::unexpected(error.what());
  }
}

std::expected<void, std::string> rebuild_views(const std::filesystem::path& folder) {
  auto opened = open(FolderLayout{folder}, RocksMode::serve);
  if (!opened) return std::unexpected(opened.error());
  try {
    return rebuild(*opened);
  } catch (const std::exception& error) {
    return std::unexpected(error.what());
  }
}

}  // namespace fedlog::storage
