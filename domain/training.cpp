#include "domain/training.h"

#include <algorithm>

namespace fedlog::domain {

bool Training::has_participant(UserId user) const {
  return std::ranges::find(participants, user) != participants.end();
}

const Update* Training::update_of(UserId participant) const {
  const auto found = std::ranges::find(updates, participant, &Update::participant);
  return found == updates.end() ? nullptr : &*found;
}

const Update* Training::update_by_model(ModelId local_model) const {
  const auto found = std::ranges::find(updates, local_model, &Update::model);
  return found == updates.end() ? nullptr : &*found;
}

std::optional<Aggregation> pending_aggregation(const Training& training) {
  if (training.phase != Phase::aggregating || training.deleted) return std::nullopt;
  // `updates` is in canonical order since the round was closed.
  return Aggregation{.round = training.round, .base = *training.weights, .updates = training.updates};
}

}  // namespace fedlog::domain
