#include "storage/table_journal.h"

#include <stdexcept>
#include <utility>

#include "storage/envelope_codec.h"
#include "storage/idempotency.h"
#include "storage/log_keys.h"

namespace fedlog::storage {
namespace {

Envelope envelope_of(std::string_view bytes, std::uint64_t position) {
  auto envelope = decode_envelope(bytes);
  if (!envelope) {
    throw std::runtime_error("the envelope at position " + std::to_string(position) +
                             " of the journal is damaged: " + envelope.error());
  }
  return std::move(*envelope);
}

}  // namespace

std::vector<Envelope> read_log(const TableReader& reader, std::uint64_t from_position, std::size_t limit) {
  std::vector<Envelope> envelopes;
  if (limit == 0) return envelopes;
  reader.scan(Table::log, {}, log_key(from_position), [&](std::string_view key, std::string_view value) {
    envelopes.push_back(envelope_of(value, number_at_end(key)));
    return envelopes.size() < limit;
  });
  return envelopes;
}

std::vector<Envelope> TableJournal::read_stream(const StreamName& stream, std::uint64_t from_version) {
  std::vector<std::uint64_t> positions;
  tables_.scan(Table::streams, stream_prefix(stream), stream_key(stream, from_version),
               [&](std::string_view, std::string_view value) {
                 positions.push_back(number_at_end(value));
                 return true;
               });
  std::vector<Envelope> envelopes;
  envelopes.reserve(positions.size());
  for (const auto position : positions) {
    const auto bytes = tables_.get(Table::log, log_key(position));
    if (!bytes) throw std::runtime_error("position " + std::to_string(position) + " is not in the journal");
    envelopes.push_back(envelope_of(*bytes, position));
  }
  return envelopes;
}

std::vector<Envelope> TableJournal::read_all(std::uint64_t from_position, std::size_t limit) {
  return read_log(tables_, from_position, limit);
}

std::uint64_t TableJournal::version_of(const StreamName& stream) {
  return read_stream_head(tables_, stream).version;
}

std::uint64_t TableJournal::last_position() {
  const auto last = tables_.last(Table::log);
  return last ? number_at_end(last->first) : 0;
}

std::optional<std::string> TableJournal::reply_to(const std::string& idempotency_key) {
  Overlay nothing_new(tables_);
  return Idempotency(nothing_new, vault_).reply_to(idempotency_key, clock_());
}

std::optional<std::string> TableJournal::secret(const std::string& key) {
  return tables_.get(Table::secrets, key);
}

void TableJournal::put_snapshot(const StreamName& stream, std::string bytes) {
  if (failure()) return;  // a database that failed is only read from
  Changes changes;
  changes[static_cast<std::size_t>(Table::snapshots)].emplace(stream, std::move(bytes));
  // A snapshot only saves time: without it the stream is read from its beginning.
  std::ignore = tables_.write(changes, Durability::eventual);
}

std::optional<std::string> TableJournal::snapshot(const StreamName& stream) {
  return tables_.get(Table::snapshots, stream);
}

}  // namespace fedlog::storage
