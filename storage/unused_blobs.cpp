#include "storage/unused_blobs.h"

#include <set>

namespace fedlog::storage {
namespace {

template <class T>
T must(std::expected<T, CodecError> decoded) {
  if (!decoded) throw std::runtime_error(decoded.error().message);
  return std::move(*decoded);
}

void add_blobs_of(Storage& storage, const StreamName& stream, std::set<domain::BlobId>& blobs) {
  for (const auto& envelope : storage.journal().read_stream(stream)) {
    const auto named = must(storage.codec().blobs_of(envelope));
    blobs.insert(named.begin(), named.end());
    if (envelope.type != domain::ModelJoinedTraining::type) continue;
    const auto event = must(storage.codec().decode_model(envelope));
    add_blobs_of(storage, stream_of(std::get<domain::ModelJoinedTraining>(event).training), blobs);
  }
}

}  // namespace

std::expected<bool, std::string> remove_if_unused(Storage& storage, domain::BlobId id) {
  const auto removed = storage.blobs().remove_unless(id, [&] { return storage.views().is_needed(id); });
  if (!removed) return std::unexpected("blob " + id.text() + " cannot be removed");
  return *removed;
}

std::vector<domain::BlobId> given_up_with(Storage& storage, const StreamName& stream) {
  std::set<domain::BlobId> blobs;
  add_blobs_of(storage, stream, blobs);
  return {blobs.begin(), blobs.end()};
}

}  // namespace fedlog::storage
