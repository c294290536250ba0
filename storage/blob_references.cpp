#include "storage/blob_references.h"

#include "storage/blobs_in.h"

namespace fedlog::storage {
namespace {

template <class Value>
void add(BlobReferences& references, const Value& value, const BlobOwner& owner) {
  for (const auto& blob : blobs_in(value)) references.push_back({blob, owner});
}

}  // namespace

BlobReferences references_of(domain::ModelId stream, const domain::ModelEvent& event) {
  BlobReferences references;
  std::visit([&](const auto& fact) { add(references, fact, stream); }, event);
  return references;
}

BlobReferences references_of(domain::TrainingId stream, const domain::TrainingEvent& event,
                             const std::function<domain::ModelId()>& model) {
  BlobReferences references;
  std::visit([&](const auto& fact) { add(references, fact, stream); }, event);
  if (const auto* reported = std::get_if<domain::MetricsReported>(&event)) {
    add(references, *reported, reported->model);
  } else if (const auto* moments = std::get_if<domain::MomentsAccepted>(&event)) {
    add(references, *moments, model());
  }
  return references;
}

}  // namespace fedlog::storage
