#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "domain/metric.h"
#include "domain/model.h"
#include "domain/notification.h"
#include "domain/training_events.h"
#include "domain/training_state.h"

namespace fedlog::domain {

// An update that a participant sent for the open round. It is a local model until the round is aggregated.
struct Update {
  UserId participant;
  ModelId model;
  BlobId weights;
  std::int64_t sample_size = 0;
  std::uint64_t metrics = 0;  // fingerprint of those that came with it; 0: none

  static constexpr auto fields() {
    return std::tuple{field("participant", &Update::participant), field("model", &Update::model),
                      field("weights", &Update::weights), field("sample_size", &Update::sample_size),
                      field("metrics", &Update::metrics)};
  }
  bool operator==(const Update&) const = default;
};

// A local model of the round before, of `owner`, that `participant` goes on with in the open one.
struct PassedOn {
  UserId participant;
  ModelId model;
  UserId owner;

  static constexpr auto fields() {
    return std::tuple{field("participant", &PassedOn::participant), field("model", &PassedOn::model),
                      field("owner", &PassedOn::owner)};
  }
  bool operator==(const PassedOn&) const = default;
};

// What a participant sent in the open SWAG round.
struct Moments {
  UserId participant;
  BlobId first_moment;
  BlobId second_moment;
  std::string form;
  std::int64_t sample_size = 0;

  static constexpr auto fields() {
    return std::tuple{field("participant", &Moments::participant),
                      field("first_moment", &Moments::first_moment),
                      field("second_moment", &Moments::second_moment), field("form", &Moments::form),
                      field("sample_size", &Moments::sample_size)};
  }
  bool operator==(const Moments&) const = default;
};

// How the latest notification to somebody ended.
struct Delivery {
  UserId receiver;
  NotificationKind kind = NotificationKind::training_start;
  std::optional<std::int64_t> round;
  DeliveryOutcome outcome = DeliveryOutcome::delivered;
  std::int64_t status = 0;  // the receiver's, of HTTP; 0: none
  std::int64_t attempts = 0;
  std::string detail;
  Timestamp at;

  static constexpr auto fields() {
    return std::tuple{field("receiver", &Delivery::receiver), field("kind", &Delivery::kind),
                      field("round", &Delivery::round),       field("outcome", &Delivery::outcome),
                      field("status", &Delivery::status),     field("attempts", &Delivery::attempts),
                      field("detail", &Delivery::detail),     field("at", &Delivery::at)};
  }
  bool operator==(const Delivery&) const = default;
};

// None where that notification is not remembered: what tells somebody that it was removed, and what logs of
// the first revision say.
[[nodiscard]] std::optional<Delivery> delivery_of(const NotificationSettled& settled, Timestamp at);

// How moments show up among the metrics of the global model.
[[nodiscard]] std::vector<Metric> metrics_of(const Moments& moments);

// A training as it stands: the fold of its events. `participants` are in order of joining, the canonical
// order of aggregation.
struct Training {
  TrainingId id;
  ModelId model;
  std::uint64_t model_version =
      0;  // version of the model's own stream since it joined; the stream rests meanwhile
  UserId actor;
  TrainingState state = TrainingState::initial;
  Phase phase = Phase::idle;
  std::int64_t target_num_updates = 1;
  std::int64_t round = 0;
  AggregationMethod aggregation_method = AggregationMethod::fed_avg;
  UncertaintyMethod uncertainty_method = UncertaintyMethod::none;
  TrainingOptions options;
  std::vector<UserId> participants;
  std::vector<Update> updates;      // of the open round, in order of arrival
  std::vector<PassedOn> passed_on;  // in canonical order of who goes on; who joins later has none
  std::vector<Moments> moments;     // of the open SWAG round, in order of arrival
  std::vector<UserId> testers;      // who reported a metric in the open test
  std::optional<BlobId> weights;
  std::optional<BlobId> preprocessing;
  std::optional<BlobId> swag_first_moment;  // of the latest SWAG round that ended
  std::optional<BlobId> swag_second_moment;
  std::string reason;                // why it is in state ERROR
  Phase failed_phase = Phase::idle;  // in which it went into state ERROR; idle: before its start
  bool cancelled = false;            // then it is in state ERROR for good
  bool paused = false;
  std::optional<Timestamp> deadline;       // of the open phase
  std::int64_t rounds_without_quorum = 0;  // deadlines that passed so, in a row
  Timestamp phase_since;                   // when the event that opened the phase happened
  std::vector<Delivery> last_deliveries;   // the latest to each receiver, by receiver; those removed too
  Timestamp created;
  Timestamp last_update;
  bool deleted = false;

  static constexpr auto fields() {
    return std::tuple{field("id", &Training::id),
                      field("model", &Training::model),
                      field("model_version", &Training::model_version),
                      field("actor", &Training::actor),
                      field("state", &Training::state),
                      field("phase", &Training::phase),
                      field("target_num_updates", &Training::target_num_updates),
                      field("round", &Training::round),
                      field("aggregation_method", &Training::aggregation_method),
                      field("uncertainty_method", &Training::uncertainty_method),
                      field("options", &Training::options),
                      field("participants", &Training::participants),
                      field("updates", &Training::updates),
                      field("passed_on", &Training::passed_on),
                      field("moments", &Training::moments),
                      field("testers", &Training::testers),
                      field("weights", &Training::weights),
                      field("preprocessing", &Training::preprocessing),
                      field("swag_first_moment", &Training::swag_first_moment),
                      field("swag_second_moment", &Training::swag_second_moment),
                      field("reason", &Training::reason),
                      field("failed_phase", &Training::failed_phase),
                      field("cancelled", &Training::cancelled),
                      field("paused", &Training::paused),
                      field("deadline", &Training::deadline),
                      field("rounds_without_quorum", &Training::rounds_without_quorum),
                      field("phase_since", &Training::phase_since),
                      field("last_deliveries", &Training::last_deliveries),
                      field("created", &Training::created),
                      field("last_update", &Training::last_update),
                      field("deleted", &Training::deleted)};
  }
  [[nodiscard]] bool has_participant(UserId user) const;
  [[nodiscard]] const Update* update_of(UserId participant) const;
  [[nodiscard]] const Update* update_by_model(ModelId model) const;
  [[nodiscard]] const Moments* moments_of(UserId participant) const;
  // Which model updates of the participant are to build on: the global one, or the local one it was given.
  [[nodiscard]] ModelId model_for(UserId participant) const;
  [[nodiscard]] bool is_passed_on(ModelId model) const;
  // Whether the participant has sent what the open phase waits for.
  [[nodiscard]] bool has_done_its_part(UserId participant) const;
  // Whose work the open phase waits for, in canonical order; nobody's in the other phases.
  [[nodiscard]] std::vector<UserId> missing() const;
  // How many participants must have done their part when the deadline of a round passes; at least one, and no
  // more than there are.
  [[nodiscard]] std::int64_t quorum() const;
  // How long the open phase may wait for its participants, in seconds; 0: for ever.
  [[nodiscard]] std::int64_t deadline_s() const;
  [[nodiscard]] const Delivery* last_delivery_to(UserId receiver) const;
  bool operator==(const Training&) const = default;
};

// The state after one more event that happened at `at`. Never fails on events that `decide` gave for the same
// state; throws std::logic_error on a transition that the table does not allow.
void evolve(Training& training, const TrainingEvent& event, Timestamp at);

// The aggregation that the training is waiting for; none while it is paused.
struct Aggregation {
  std::int64_t round = 0;
  BlobId base;                  // the archive that gives the result its form
  std::vector<Update> updates;  // in canonical order
  bool operator==(const Aggregation&) const = default;
};
[[nodiscard]] std::optional<Aggregation> pending_aggregation(const Training& training);

// The averaging of moments that the training is waiting for, likewise.
struct Averaging {
  std::int64_t round = 0;
  std::vector<Moments> moments;  // in canonical order
  bool operator==(const Averaging&) const = default;
};
[[nodiscard]] std::optional<Averaging> pending_averaging(const Training& training);

}  // namespace fedlog::domain
