#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "domain/fields.h"
#include "domain/identifiers.h"
#include "domain/metric.h"
#include "domain/model.h"
#include "domain/notification.h"

// What can happen to a training, as facts. Replaying them calls nothing: whatever came from a clock, a random
// source, a file or the network is in them.
namespace fedlog::domain {

enum class AggregationMethod { fed_avg, fed_dc, fed_prox };

template <>
struct Names<AggregationMethod> {  // stored and sent; never rename
  static constexpr std::array all{std::pair{AggregationMethod::fed_avg, std::string_view{"FedAvg"}},
                                  std::pair{AggregationMethod::fed_dc, std::string_view{"FedDC"}},
                                  std::pair{AggregationMethod::fed_prox, std::string_view{"FedProx"}}};
};

enum class UncertaintyMethod { none, ensemble, mc_dropout, swag };

template <>
struct Names<UncertaintyMethod> {  // stored and sent; never rename
  static constexpr std::array all{std::pair{UncertaintyMethod::none, std::string_view{"NONE"}},
                                  std::pair{UncertaintyMethod::ensemble, std::string_view{"ENSEMBLE"}},
                                  std::pair{UncertaintyMethod::mc_dropout, std::string_view{"MC_DROPOUT"}},
                                  std::pair{UncertaintyMethod::swag, std::string_view{"SWAG"}}};
};

// What the owner asked for beyond the required fields. `json` is the whole object as text, for the API; the
// others are what is understood of it.
struct TrainingOptions {
  std::string json = "{}";
  std::int64_t daisy_chain_period = 0;  // rounds between aggregations; 0: aggregate after every round
  std::int64_t uncertainty_samples = 10;
  bool uncertainty_softmax = false;

  static constexpr auto fields() {
    return std::tuple{field("json", &TrainingOptions::json),
                      field("daisy_chain_period", &TrainingOptions::daisy_chain_period),
                      field("uncertainty_samples", &TrainingOptions::uncertainty_samples),
                      field("uncertainty_softmax", &TrainingOptions::uncertainty_softmax)};
  }
  bool operator==(const TrainingOptions&) const = default;
};

struct TrainingCreated {
  static constexpr std::string_view type = "TrainingCreated";
  static constexpr int revision = 1;
  TrainingId training;
  ModelId model;
  std::uint64_t model_version = 0;
  UserId actor;
  std::int64_t target_num_updates = 1;
  std::int64_t round = 0;
  AggregationMethod aggregation_method = AggregationMethod::fed_avg;
  UncertaintyMethod uncertainty_method = UncertaintyMethod::none;
  TrainingOptions options;
  std::vector<UserId> participants;
  std::optional<BlobId> weights;
  std::optional<BlobId> preprocessing;
  static constexpr auto fields() {
    return std::tuple{field("training", &TrainingCreated::training),
                      field("model", &TrainingCreated::model),
                      field("model_version", &TrainingCreated::model_version),
                      field("actor", &TrainingCreated::actor),
                      field("target_num_updates", &TrainingCreated::target_num_updates),
                      field("round", &TrainingCreated::round),
                      field("aggregation_method", &TrainingCreated::aggregation_method),
                      field("uncertainty_method", &TrainingCreated::uncertainty_method),
                      field("options", &TrainingCreated::options),
                      field("participants", &TrainingCreated::participants),
                      field("weights", &TrainingCreated::weights),
                      field("preprocessing", &TrainingCreated::preprocessing)};
  }
  bool operator==(const TrainingCreated&) const = default;
};

struct ParticipantJoined {
  static constexpr std::string_view type = "ParticipantJoined";
  static constexpr int revision = 1;
  UserId participant;
  static constexpr auto fields() { return std::tuple{field("participant", &ParticipantJoined::participant)}; }
  bool operator==(const ParticipantJoined&) const = default;
};

// Its update for the open round, if there was one, goes with it.
struct ParticipantRemoved {
  static constexpr std::string_view type = "ParticipantRemoved";
  static constexpr int revision = 1;
  UserId participant;
  std::string reason;
  static constexpr auto fields() {
    return std::tuple{field("participant", &ParticipantRemoved::participant),
                      field("reason", &ParticipantRemoved::reason)};
  }
  bool operator==(const ParticipantRemoved&) const = default;
};

struct TrainingStarted {
  static constexpr std::string_view type = "TrainingStarted";
  static constexpr int revision = 1;
  static constexpr auto fields() { return std::tuple{}; }
  bool operator==(const TrainingStarted&) const = default;
};

// Updates for `round` are accepted from now on.
struct RoundOpened {
  static constexpr std::string_view type = "RoundOpened";
  static constexpr int revision = 1;
  std::int64_t round = 0;
  static constexpr auto fields() { return std::tuple{field("round", &RoundOpened::round)}; }
  bool operator==(const RoundOpened&) const = default;
};

// A second update of the same participant replaces its first.
struct UpdateAccepted {
  static constexpr std::string_view type = "UpdateAccepted";
  static constexpr int revision = 1;
  UserId participant;
  ModelId model;
  std::int64_t round = 0;
  BlobId weights;
  std::int64_t sample_size = 0;
  std::vector<Metric> metrics;
  static constexpr auto fields() {
    return std::tuple{field("participant", &UpdateAccepted::participant),
                      field("model", &UpdateAccepted::model),
                      field("round", &UpdateAccepted::round),
                      field("weights", &UpdateAccepted::weights),
                      field("sample_size", &UpdateAccepted::sample_size),
                      field("metrics", &UpdateAccepted::metrics)};
  }
  bool operator==(const UpdateAccepted&) const = default;
};

// Every participant's update is there; `updates` (local models, in canonical order) are what will be
// aggregated.
struct RoundClosed {
  static constexpr std::string_view type = "RoundClosed";
  static constexpr int revision = 1;
  std::int64_t round = 0;
  std::vector<ModelId> updates;
  static constexpr auto fields() {
    return std::tuple{field("round", &RoundClosed::round), field("updates", &RoundClosed::updates)};
  }
  bool operator==(const RoundClosed&) const = default;
};

// The closed round's updates became `weights`. The model's round is one higher now.
struct RoundAggregated {
  static constexpr std::string_view type = "RoundAggregated";
  static constexpr int revision = 1;
  std::int64_t round = 0;
  BlobId weights;
  static constexpr auto fields() {
    return std::tuple{field("round", &RoundAggregated::round), field("weights", &RoundAggregated::weights)};
  }
  bool operator==(const RoundAggregated&) const = default;
};

// Between the aggregations of daisy chaining: every participant's update for the round before `round` is
// there, and each goes on with one of these local models instead of the global one. They are in the order in
// which chance put them: the first participant, in canonical order, goes on with the first. Updates for
// `round` are accepted from now on.
struct ModelsPassedOn {
  static constexpr std::string_view type = "ModelsPassedOn";
  static constexpr int revision = 1;
  std::int64_t round = 0;
  std::vector<ModelId> models;
  static constexpr auto fields() {
    return std::tuple{field("round", &ModelsPassedOn::round), field("models", &ModelsPassedOn::models)};
  }
  bool operator==(const ModelsPassedOn&) const = default;
};

// Participants send moments of the weights of the model of `round`.
struct SwagRoundOpened {
  static constexpr std::string_view type = "SwagRoundOpened";
  static constexpr int revision = 1;
  std::int64_t round = 0;
  static constexpr auto fields() { return std::tuple{field("round", &SwagRoundOpened::round)}; }
  bool operator==(const SwagRoundOpened&) const = default;
};

// Means of a participant's weights and of their squares, each a file with one vector. `form` is the vectors'
// element type and length, as "float32 [8]". A second time of the same participant replaces its first.
struct MomentsAccepted {
  static constexpr std::string_view type = "MomentsAccepted";
  static constexpr int revision = 1;
  UserId participant;
  std::int64_t round = 0;
  BlobId first_moment;
  BlobId second_moment;
  std::string form;
  std::int64_t sample_size = 0;
  static constexpr auto fields() {
    return std::tuple{field("participant", &MomentsAccepted::participant),
                      field("round", &MomentsAccepted::round),
                      field("first_moment", &MomentsAccepted::first_moment),
                      field("second_moment", &MomentsAccepted::second_moment),
                      field("form", &MomentsAccepted::form),
                      field("sample_size", &MomentsAccepted::sample_size)};
  }
  bool operator==(const MomentsAccepted&) const = default;
};

// Every participant's moments are there; those of `participants`, in canonical order, will be averaged.
struct SwagRoundClosed {
  static constexpr std::string_view type = "SwagRoundClosed";
  static constexpr int revision = 1;
  std::int64_t round = 0;
  std::vector<UserId> participants;
  static constexpr auto fields() {
    return std::tuple{field("round", &SwagRoundClosed::round),
                      field("participants", &SwagRoundClosed::participants)};
  }
  bool operator==(const SwagRoundClosed&) const = default;
};

// The participants' moments became the model's.
struct MomentsAveraged {
  static constexpr std::string_view type = "MomentsAveraged";
  static constexpr int revision = 1;
  std::int64_t round = 0;
  BlobId first_moment;
  BlobId second_moment;
  static constexpr auto fields() {
    return std::tuple{field("round", &MomentsAveraged::round),
                      field("first_moment", &MomentsAveraged::first_moment),
                      field("second_moment", &MomentsAveraged::second_moment)};
  }
  bool operator==(const MomentsAveraged&) const = default;
};

// Participants test the model of `round`; the test ends when each has reported a metric.
struct TestOpened {
  static constexpr std::string_view type = "TestOpened";
  static constexpr int revision = 1;
  std::int64_t round = 0;
  static constexpr auto fields() { return std::tuple{field("round", &TestOpened::round)}; }
  bool operator==(const TestOpened&) const = default;
};

struct TrainingCompleted {
  static constexpr std::string_view type = "TrainingCompleted";
  static constexpr int revision = 1;
  static constexpr auto fields() { return std::tuple{}; }
  bool operator==(const TrainingCompleted&) const = default;
};

// `reason` is a sentence for people.
struct TrainingFailed {
  static constexpr std::string_view type = "TrainingFailed";
  static constexpr int revision = 1;
  std::string reason;
  static constexpr auto fields() { return std::tuple{field("reason", &TrainingFailed::reason)}; }
  bool operator==(const TrainingFailed&) const = default;
};

struct TrainingDeleted {
  static constexpr std::string_view type = "TrainingDeleted";
  static constexpr int revision = 1;
  static constexpr auto fields() { return std::tuple{}; }
  bool operator==(const TrainingDeleted&) const = default;
};

// This event's id is the delivery's id.
struct NotificationRequested {
  static constexpr std::string_view type = "NotificationRequested";
  static constexpr int revision = 1;
  Notification notification;
  static constexpr auto fields() {
    return std::tuple{field("notification", &NotificationRequested::notification)};
  }
  bool operator==(const NotificationRequested&) const = default;
};

enum class DeliveryOutcome {
  delivered,    // the receiver accepted it
  refused,      // the receiver answered with another status
  unreachable,  // no answer within the span of retries
  dropped,      // nothing to deliver to: the receiver is gone, or its training
};

template <>
struct Names<DeliveryOutcome> {  // stored; never rename
  static constexpr std::array all{std::pair{DeliveryOutcome::delivered, std::string_view{"delivered"}},
                                  std::pair{DeliveryOutcome::refused, std::string_view{"refused"}},
                                  std::pair{DeliveryOutcome::unreachable, std::string_view{"unreachable"}},
                                  std::pair{DeliveryOutcome::dropped, std::string_view{"dropped"}}};
};

// How a requested notification ended: `status` is the receiver's HTTP status or 0, `detail` says more.
struct NotificationSettled {
  static constexpr std::string_view type = "NotificationSettled";
  static constexpr int revision = 1;
  EventId notification;
  UserId receiver;
  DeliveryOutcome outcome = DeliveryOutcome::delivered;
  std::int64_t status = 0;
  std::int64_t attempts = 0;
  std::string detail;
  static constexpr auto fields() {
    return std::tuple{field("notification", &NotificationSettled::notification),
                      field("receiver", &NotificationSettled::receiver),
                      field("outcome", &NotificationSettled::outcome),
                      field("status", &NotificationSettled::status),
                      field("attempts", &NotificationSettled::attempts),
                      field("detail", &NotificationSettled::detail)};
  }
  bool operator==(const NotificationSettled&) const = default;
};

using TrainingEvent =
    std::variant<TrainingCreated, ParticipantJoined, ParticipantRemoved, TrainingStarted, RoundOpened,
                 UpdateAccepted, RoundClosed, RoundAggregated, ModelsPassedOn, SwagRoundOpened,
                 MomentsAccepted, SwagRoundClosed, MomentsAveraged, TestOpened, MetricsReported,
                 PreprocessingReplaced, TrainingCompleted, TrainingFailed, TrainingDeleted,
                 NotificationRequested, NotificationSettled>;

}  // namespace fedlog::domain
