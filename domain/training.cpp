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

const Moments* Training::moments_of(UserId participant) const {
  const auto found = std::ranges::find(moments, participant, &Moments::participant);
  return found == moments.end() ? nullptr : &*found;
}

ModelId Training::model_for(UserId participant) const {
  const auto found = std::ranges::find(passed_on, participant, &PassedOn::participant);
  return found == passed_on.end() ? model : found->model;
}

bool Training::is_passed_on(ModelId local_model) const {
  return std::ranges::find(passed_on, local_model, &PassedOn::model) != passed_on.end();
}

std::vector<Metric> metrics_of(const Moments& moments) {
  return {{.name = "SWAG First Moment Local", .number = {}, .blob = moments.first_moment},
          {.name = "SWAG Second Moment Local", .number = {}, .blob = moments.second_moment},
          {.name = "SWAG Sample Size Local", .number = static_cast<double>(moments.sample_size), .blob = {}}};
}

std::optional<Aggregation> pending_aggregation(const Training& training) {
  if (training.phase != Phase::aggregating || training.deleted) return std::nullopt;
  // `updates` is in canonical order since the round was closed.
  return Aggregation{.round = training.round, .base = *training.weights, .updates = training.updates};
}

std::optional<Averaging> pending_averaging(const Training& training) {
  if (training.phase != Phase::averaging || training.deleted) return std::nullopt;
  // `moments` is in canonical order since the round was closed.
  return Averaging{.round = training.round, .moments = training.moments};
}

}  // namespace fedlog::domain
