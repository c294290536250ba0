#include "actors/training_loader.h"

#include "storage/described.h"
#include "storage/sha256.h"

namespace fedlog::actors {
namespace {

// Raised whenever domain::Training or its evolve changes: older snapshots are not trusted then.
constexpr std::int64_t code_revision = 4;

struct Snapshot {
  std::int64_t revision = code_revision;
  std::uint64_t version = 0;
  storage::Hash head{};   // of the envelope at `version`: a snapshot of another log is not trusted
  storage::Hash state{};  // of the encoded training
  domain::Training training;

  static constexpr auto fields() {
    using domain::field;
    return std::tuple{field("revision", &Snapshot::revision), field("version", &Snapshot::version),
                      field("head", &Snapshot::head), field("state", &Snapshot::state),
                      field("training", &Snapshot::training)};
  }
};

std::optional<Snapshot> trusted_snapshot(storage::Journal& journal, const storage::StreamName& stream) {
  const auto bytes = journal.snapshot(stream);
  if (!bytes) return std::nullopt;
  auto snapshot = storage::decode<Snapshot>(*bytes);
  if (!snapshot || snapshot->revision != code_revision || snapshot->version == 0) return std::nullopt;
  if (snapshot->state != storage::sha256(storage::encode(snapshot->training))) return std::nullopt;
  return std::move(*snapshot);
}

}  // namespace

std::expected<LoadedTraining, std::string> load_training(storage::Journal& journal,
                                                         const storage::EventCodec& codec,
                                                         domain::TrainingId id) {
  const auto stream = storage::stream_of(id);
  LoadedTraining loaded;
  loaded.training.id = id;
  auto snapshot = trusted_snapshot(journal, stream);
  // From the snapshot's own last event on, to see that it is this log's.
  auto envelopes = journal.read_stream(stream, snapshot ? snapshot->version : 1);
  if (snapshot && (envelopes.empty() || envelopes.front().hash != snapshot->head)) {
    snapshot.reset();
    envelopes = journal.read_stream(stream);
  }
  if (snapshot) {
    loaded = {std::move(snapshot->training), snapshot->version};
    envelopes.erase(envelopes.begin());
  }
  for (const auto& envelope : envelopes) {
    const auto event = codec.decode_training(envelope);
    if (!event) return std::unexpected(event.error().message);
    domain::evolve(loaded.training, *event, envelope.time);
    loaded.version = envelope.version;
  }
  return loaded;
}

void save_snapshot(storage::Journal& journal, const LoadedTraining& loaded) {
  if (loaded.version == 0) return;
  const auto stream = storage::stream_of(loaded.training.id);
  const auto last = journal.read_stream(stream, loaded.version);
  if (last.empty()) return;
  const Snapshot snapshot{.revision = code_revision,
                          .version = loaded.version,
                          .head = last.front().hash,
                          .state = storage::sha256(storage::encode(loaded.training)),
                          .training = loaded.training};
  journal.put_snapshot(stream, storage::encode(snapshot));
}

}  // namespace fedlog::actors
