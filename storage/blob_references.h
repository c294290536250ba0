#pragma once

#include <functional>
#include <variant>
#include <vector>

#include "domain/model.h"
#include "domain/training.h"

namespace fedlog::storage {

// Who needs a blob, as long as it is not deleted.
using BlobOwner = std::variant<domain::ModelId, domain::TrainingId>;

struct BlobReference {
  domain::BlobId blob;
  BlobOwner owner;
  bool operator==(const BlobReference&) const = default;
};

using BlobReferences = std::vector<BlobReference>;

// Who needs a blob because of an event, the one place where that is decided: whoever's stream names it, so
// that the whole course of a training can be computed again while it is there; and the model of which it is a
// metric, because metrics outlive the training.
[[nodiscard]] BlobReferences references_of(domain::ModelId stream, const domain::ModelEvent& event);

// `model` tells the training's model; asked only where it matters.
[[nodiscard]] BlobReferences references_of(domain::TrainingId stream, const domain::TrainingEvent& event,
                                           const std::function<domain::ModelId()>& model);

}  // namespace fedlog::storage
