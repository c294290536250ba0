#include "storage/verify.h"

#include <array>
#include <exception>
#include <fstream>
#include <map>
#include <set>
#include <utility>

#include "storage/checkpoint.h"
#include "storage/described.h"
#include "storage/envelope_codec.h"
#include "storage/file_blob_store.h"
#include "storage/folder_access.h"
#include "storage/log_head.h"
#include "storage/log_keys.h"
#include "storage/rebuild_views.h"
#include "storage/sha256.h"
#include "storage/stored_key_ring.h"

namespace fedlog::storage {
namespace {

constexpr std::size_t problems_kept = 100;

std::optional<domain::BlobId> content_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  Sha256 hash;
  std::array<char, 1 << 16> buffer;
  while (file) {
    file.read(buffer.data(), buffer.size());
    hash.add(std::as_bytes(std::span(buffer).first(static_cast<std::size_t>(file.gcount()))));
  }
  if (!file.eof()) return std::nullopt;
  return domain::BlobId{hash.finish()};
}

class Verification {
 public:
  Verification(const TableReader& reader, const EventCodec& codec, const BlobStore& blobs,
               const VerifyOptions& options)
      : reader_(reader), codec_(codec), blobs_(blobs), options_(options) {}

  void add(std::uint64_t position, std::string text) {
    ++report_.problems_in_all;
    if (report_.problems.size() < problems_kept) report_.problems.push_back({position, std::move(text)});
  }

  [[nodiscard]] Report run() {
    guarded([this] { walk_log(); });
    guarded([this] { check_heads(); });
    guarded([this] { check_index_size(); });
    if (options_.views) guarded([this] { check_views(); });
    report_.streams = streams_.size();
    report_.blobs = seen_blobs_.size();
    return std::move(report_);
  }

 private:
  // Bytes that cannot be read are a problem, and the end of the step that wanted them.
  template <class Step>
  void guarded(const Step& step) {
    try {
      step();
    } catch (const std::exception& error) {
      add(0, error.what());
    }
  }

  void walk_log() {
    reader_.scan(Table::log, {}, {}, [&](std::string_view key, std::string_view value) {
      check_entry(number_at_end(key), value);
      if (log_problems_ == 0) report_.sound_until = report_.last_position;
      return true;
    });
  }

  // A problem of the log itself, not of what it refers to.
  void add_to_log(std::uint64_t position, std::string text) {
    ++log_problems_;
    add(position, std::move(text));
  }

  void check_entry(std::uint64_t position, std::string_view bytes) {
    ++report_.events;
    if (position != report_.last_position + 1) {
      add_to_log(position, "positions " + std::to_string(report_.last_position + 1) + " to " +
                               std::to_string(position - 1) + " are missing");
    }
    report_.last_position = position;
    const auto envelope = decode_envelope(bytes);
    if (!envelope) return add_to_log(position, "the envelope cannot be decoded: " + envelope.error());
    report_.last_hash = envelope->hash;
    if (envelope->position != position) add_to_log(position, "the envelope says another position");
    if (envelope->hash != hash_of(*envelope)) {
      add_to_log(position, "the hash does not fit the event: it was changed");
    }
    if (envelope->time < last_time_) add_to_log(position, "its time is before the event before it");
    last_time_ = envelope->time;
    check_chain(*envelope);
    check_payload(*envelope);
  }

  void check_chain(const Envelope& envelope) {
    auto& head = streams_[envelope.stream];
    if (envelope.version != head.version + 1) {
      add_to_log(envelope.position, envelope.stream + " goes from version " + std::to_string(head.version) +
                                        " to " + std::to_string(envelope.version));
    }
    if (envelope.previous != head.hash) {
      add_to_log(envelope.position, "it does not continue the hash chain of " + envelope.stream);
    }
    head = {.version = envelope.version, .hash = envelope.hash};
    const auto index = reader_.get(Table::streams, stream_key(envelope.stream, envelope.version));
    if (!index || *index != big_endian(envelope.position)) {
      add(envelope.position, "the index of streams does not lead to it");
    }
  }

  void check_payload(const Envelope& envelope) {
    if (envelope.stream.starts_with("user/")) {
      if (const auto user = codec_.decode_user(envelope); !user) {
        return add_to_log(envelope.position, user.error().message);
      }
    }
    const auto blobs = codec_.blobs_of(envelope);
    if (!blobs) return add_to_log(envelope.position, blobs.error().message);
    for (const auto& blob : *blobs) {
      if (seen_blobs_.insert(blob).second) check_blob(envelope.position, blob);
    }
  }

  void check_blob(std::uint64_t position, domain::BlobId blob) {
    const auto path = blobs_.path(blob);
    if (!path) return add(position, "blob " + blob.text() + " is missing");
    if (options_.blob_contents && content_of(*path) != blob) {
      add(position, "blob " + blob.text() + " is damaged: its content has another SHA-256");
    }
  }

  void check_heads() {
    std::uint64_t heads = 0;
    reader_.scan(Table::heads, {}, {}, [&](std::string_view stream, std::string_view value) {
      ++heads;
      const auto expected = streams_.find(std::string(stream));
      if (expected == streams_.end() || encode(expected->second) != value) {
        add(0, "the head of " + std::string(stream) + " is not its last event");
      }
      return true;
    });
    if (heads < streams_.size()) add(0, "heads of streams are missing");
  }

  void check_index_size() {
    std::uint64_t entries = 0;
    reader_.scan(Table::streams, {}, {}, [&](std::string_view, std::string_view) {
      ++entries;
      return true;
    });
    if (entries != report_.events) add(0, "the index of streams has entries for events that do not exist");
  }

  void check_views() {
    if (!views_are_current(reader_)) return;  // they are rebuilt when the journal is opened
    if (const auto difference = compare_views_with_log(reader_, codec_)) {
      add(0, "the views differ from what the log adds up to: " + *difference + "; rebuild them");
    }
  }

  const TableReader& reader_;
  const EventCodec& codec_;
  const BlobStore& blobs_;
  const VerifyOptions& options_;
  Report report_;
  std::uint64_t log_problems_ = 0;
  domain::Timestamp last_time_;
  std::map<StreamName, StreamHead> streams_;
  std::set<domain::BlobId> seen_blobs_;
};

}  // namespace

Report verify(const Storage& storage, const VerifyOptions& options) {
  const auto snapshot = storage.snapshot();
  return verify(*snapshot, storage.codec(), storage.blobs(), options);
}

Report verify(const TableReader& reader, const EventCodec& codec, const BlobStore& blobs,
              const VerifyOptions& options) {
  return Verification(reader, codec, blobs, options).run();
}

std::expected<Report, std::string> verify_data_folder(const std::filesystem::path& folder,
                                                      const VerifyOptions& options) {
  const FolderLayout layout{folder};
  const auto lock = enter_folder(layout);
  if (!lock) return std::unexpected(lock.error());
  const auto key = read_master_key(layout);
  if (!key) return std::unexpected(key.error());
  const Vault vault(*key);

  auto tables = open_rocks_tables(layout.journal(), {.mode = RocksMode::inspect});
  std::optional<std::string> damage;
  if (!tables && tables.error().damaged) {
    damage = tables.error().message;
    tables = open_rocks_tables(layout.journal(), {.mode = RocksMode::inspect_damaged});
  }
  if (!tables) return std::unexpected("the journal cannot be read: " + tables.error().message);

  const StoredKeyRing keys(**tables, vault);
  const EventCodec codec(keys);
  const FileBlobStore blobs(layout.blobs(), layout.temporary());
  Verification verification(**tables, codec, blobs, options);
  if (damage) verification.add(0, "the database is damaged: " + *damage);
  const auto checkpoint = read_checkpoint(layout.head_checkpoint());
  if (!checkpoint) verification.add(0, checkpoint.error());
  try {
    if (checkpoint && *checkpoint) {
      if (const auto compared = compare_with_checkpoint(**tables, **checkpoint); !compared) {
        verification.add(0, compared.error());
      }
    }
  } catch (const std::exception& error) {
    verification.add(0, error.what());
  }
  return verification.run();
}

}  // namespace fedlog::storage
