#include "storage/verify.h"

#include <algorithm>
#include <array>
#include <exception>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "storage/blob_references.h"
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
  // Whether a blob is needed at this moment, where the log goes on meanwhile.
  using StillNeeded = std::function<bool(domain::BlobId)>;

  Verification(const TableReader& reader, const EventCodec& codec, const BlobStore& blobs,
               const VerifyOptions& options, StillNeeded still_needed)
      : reader_(reader),
        codec_(codec),
        blobs_(blobs),
        options_(options),
        still_needed_(std::move(still_needed)) {}

  void add(std::uint64_t position, std::string text) {
    ++report_.problems_in_all;
    if (report_.problems.size() < problems_kept) report_.problems.push_back({position, std::move(text)});
  }

  [[nodiscard]] Report run() {
    guarded([this] { walk_log(); });
    guarded([this] { check_blobs(); });
    guarded([this] { check_heads(); });
    guarded([this] { check_index_size(); });
    if (options_.views) guarded([this] { check_views(); });
    report_.streams = streams_.size();
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
    const std::string_view stream = envelope.stream;
    const auto id = stream.substr(stream.find('/') + 1);
    if (stream.starts_with("user/")) {
      check_decoded(envelope, codec_.decode_user(envelope));
    } else if (stream.starts_with("group/")) {
      check_decoded(envelope, codec_.decode_group(envelope));
    } else if (const auto model = domain::ModelId::parse(id); model && stream.starts_with("model/")) {
      const auto event = codec_.decode_model(envelope);
      if (check_decoded(envelope, event)) add_model_event(envelope.position, *model, *event);
    } else if (const auto training = domain::TrainingId::parse(id);
               training && stream.starts_with("training/")) {
      const auto event = codec_.decode_training(envelope);
      if (check_decoded(envelope, event)) add_training_event(envelope, *training, *event);
    } else {
      add_to_log(envelope.position, "stream " + envelope.stream + " is of no known kind");
    }
  }

  template <class Event>
  bool check_decoded(const Envelope& envelope, const std::expected<Event, CodecError>& event) {
    if (!event) add_to_log(envelope.position, event.error().message);
    return event.has_value();
  }

  void add_model_event(std::uint64_t position, domain::ModelId id, const domain::ModelEvent& event) {
    add_references(position, references_of(id, event));
    if (std::holds_alternative<domain::ModelUploaded>(event)) living_.insert(id);
    if (std::holds_alternative<domain::ModelDeleted>(event)) living_.erase(id);
  }

  void add_training_event(const Envelope& envelope, domain::TrainingId id,
                          const domain::TrainingEvent& event) {
    if (const auto* created = std::get_if<domain::TrainingCreated>(&event)) {
      living_.insert(id);
      models_[id] = created->model;
    }
    if (std::holds_alternative<domain::TrainingDeleted>(event)) living_.erase(id);
    add_references(envelope.position, references_of(id, event, [&] { return models_[id]; }));
    check_notification(envelope, event);
  }

  // Ids are never used twice.
  void check_notification(const Envelope& envelope, const domain::TrainingEvent& event) {
    if (std::holds_alternative<domain::NotificationRequested>(event)) {
      unsettled_.emplace(envelope.id, envelope.stream);
    } else if (const auto* settled = std::get_if<domain::NotificationSettled>(&event)) {
      const auto found = unsettled_.find(settled->notification);
      if (found == unsettled_.end() || found->second != envelope.stream) {
        return add(envelope.position, "notification " + settled->notification.text() +
                                          " is settled, but was not requested in " + envelope.stream +
                                          ", or was settled before");
      }
      unsettled_.erase(found);
    }
  }

  void add_references(std::uint64_t position, const BlobReferences& references) {
    for (const auto& [blob, owner] : references) needs_[blob].try_emplace(owner, position);
  }

  void check_blobs() {
    std::set<domain::BlobId> needed;
    for (const auto& [blob, owners] : needs_) {
      const auto owner =
          std::ranges::find_if(owners, [&](const auto& each) { return living_.contains(each.first); });
      if (owner == owners.end()) continue;
      needed.insert(blob);
      check_blob(owner->second, blob);
    }
    report_.blobs = needed.size();
    blobs_.visit([&](domain::BlobId blob) {
      if (!needed.contains(blob)) ++report_.unused_blobs;
      return true;
    });
  }

  void check_blob(std::uint64_t position, domain::BlobId blob) {
    const auto path = blobs_.path(blob);
    const bool damaged = path && options_.blob_contents && content_of(*path) != blob;
    if ((path && !damaged) || !still_needed_(blob)) return;
    add(position,
        "blob " + blob.text() + (path ? " is damaged: its content has another SHA-256" : " is missing"));
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
  StillNeeded still_needed_;
  // Who needs each blob, with the position of the first event that says so.
  std::map<domain::BlobId, std::map<BlobOwner, std::uint64_t>> needs_;
  std::set<BlobOwner> living_;
  std::map<domain::TrainingId, domain::ModelId> models_;
  std::map<domain::EventId, StreamName> unsettled_;
};

bool in_any_case(domain::BlobId) {
  return true;
}

}  // namespace

Report verify(const Storage& storage, const VerifyOptions& options) {
  const auto snapshot = storage.snapshot();
  // A blob may be given up, and removed, after the snapshot was made.
  const auto still_needed = [&](domain::BlobId blob) { return storage.views().is_needed(blob); };
  return Verification(*snapshot, storage.codec(), storage.blobs(), options, still_needed).run();
}

Report verify(const TableReader& reader, const EventCodec& codec, const BlobStore& blobs,
              const VerifyOptions& options) {
  return Verification(reader, codec, blobs, options, in_any_case).run();
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
  Verification verification(**tables, codec, blobs, options, in_any_case);
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
