#include "domain/training.h"

#include <algorithm>
#include <cmath>
#include <iterator>

namespace fedlog::domain {
namespace {

template <class Part>
const Part* part_of(UserId participant, const std::vector<Part>& parts) {
  const auto found = std::ranges::find(parts, participant, &Part::participant);
  return found == parts.end() ? nullptr : &*found;
}

// Sorted.
std::vector<UserId> done_in(const Training& training) {
  std::vector<UserId> users;
  const auto take = [&](const auto& part) { users.push_back(part.participant); };
  if (training.phase == Phase::updating) {
    std::ranges::for_each(training.updates, take);
  } else if (training.phase == Phase::collecting) {
    std::ranges::for_each(training.moments, take);
  } else {
    users = training.testers;
  }
  std::ranges::sort(users);
  return users;
}

}  // namespace

bool Training::has_participant(UserId user) const {
  return std::ranges::find(participants, user) != participants.end();
}

const Update* Training::update_of(UserId participant) const {
  return part_of(participant, updates);
}

const Update* Training::update_by_model(ModelId local_model) const {
  const auto found = std::ranges::find(updates, local_model, &Update::model);
  return found == updates.end() ? nullptr : &*found;
}

const Moments* Training::moments_of(UserId participant) const {
  return part_of(participant, moments);
}

ModelId Training::model_for(UserId participant) const {
  const auto found = std::ranges::find(passed_on, participant, &PassedOn::participant);
  return found == passed_on.end() ? model : found->model;
}

bool Training::is_passed_on(ModelId local_model) const {
  return std::ranges::find(passed_on, local_model, &PassedOn::model) != passed_on.end();
}

bool Training::has_done_its_part(UserId participant) const {
  if (phase == Phase::updating) return update_of(participant) != nullptr;
  if (phase == Phase::collecting) return moments_of(participant) != nullptr;
  return std::ranges::find(testers, participant) != testers.end();
}

std::vector<UserId> Training::missing() const {
  std::vector<UserId> users;
  if (!is_participants_work(phase)) return users;
  const auto done = done_in(*this);
  std::ranges::copy_if(participants, std::back_inserter(users), [&](const auto& participant) {
    return !std::ranges::binary_search(done, participant);
  });
  return users;
}

std::int64_t Training::quorum() const {
  if (options.min_updates > 0) {
    return std::min(options.min_updates, std::max(std::int64_t{1}, std::ssize(participants)));
  }
  // A little less, so that a tenth of 30 is 3 although 0.1 is not exactly a tenth.
  const double share = options.min_updates_fraction * static_cast<double>(participants.size()) - 1e-9;
  return std::max(std::int64_t{1}, static_cast<std::int64_t>(std::ceil(share)));
}

std::int64_t Training::deadline_s() const {
  if (phase == Phase::testing) return options.test_deadline_s;
  return is_participants_work(phase) ? options.round_deadline_s : 0;
}

const Delivery* Training::last_delivery_to(UserId receiver) const {
  const auto found = std::ranges::lower_bound(last_deliveries, receiver, {}, &Delivery::receiver);
  return found == last_deliveries.end() || found->receiver != receiver ? nullptr : &*found;
}

std::optional<Delivery> delivery_of(const NotificationSettled& settled, Timestamp at) {
  if (!settled.kind || *settled.kind == NotificationKind::client_removed) return std::nullopt;
  return Delivery{.receiver = settled.receiver,
                  .kind = *settled.kind,
                  .round = settled.round,
                  .outcome = settled.outcome,
                  .status = settled.status,
                  .attempts = settled.attempts,
                  .detail = settled.detail,
                  .at = at};
}

std::vector<Metric> metrics_of(const Moments& moments) {
  return {{.name = "SWAG First Moment Local", .number = {}, .blob = moments.first_moment},
          {.name = "SWAG Second Moment Local", .number = {}, .blob = moments.second_moment},
          {.name = "SWAG Sample Size Local", .number = static_cast<double>(moments.sample_size), .blob = {}}};
}

std::optional<Aggregation> pending_aggregation(const Training& training) {
  if (training.phase != Phase::aggregating || training.paused || training.deleted) return std::nullopt;
  // `updates` is in canonical order since the round was closed.
  return Aggregation{.round = training.round, .base = *training.weights, .updates = training.updates};
}

std::optional<Averaging> pending_averaging(const Training& training) {
  if (training.phase != Phase::averaging || training.paused || training.deleted) return std::nullopt;
  // `moments` is in canonical order since the round was closed.
  return Averaging{.round = training.round, .moments = training.moments};
}

}  // namespace fedlog::domain
