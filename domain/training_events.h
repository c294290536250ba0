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
#include "domain/training_options.h"
#include "domain/training_state.h"

// What can happen to a training, as facts. Replaying them calls nothing: whatever came from a clock, a random
// source, a file or the network is in them.
namespace fedlog::domain {

struct TrainingCreated {
  static constexpr std::string_view type = "TrainingCreated";
  static constexpr int revision = 2;
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

// `updates` (local models, in canonical order) are what will be aggregated: one of every participant, or of
// those who had sent theirs when the deadline passed.
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

// Between the aggregations of daisy chaining: the participants whose update for the round before `round` is
// there each go on with one of these local models instead of the global one, the others with the global one.
// They are in the order in which chance put them: the first of those participants, in canonical order, goes
// on with the first. Updates for `round` are accepted from now on.
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

// The moments of `participants`, in canonical order, will be averaged: all, or those who had sent theirs when
// the deadline passed.
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

// `reason` is a sentence for people. The training ends in state ERROR for good.
struct TrainingCancelled {
  static constexpr std::string_view type = "TrainingCancelled";
  static constexpr int revision = 1;
  std::string reason;
  static constexpr auto fields() { return std::tuple{field("reason", &TrainingCancelled::reason)}; }
  bool operator==(const TrainingCancelled&) const = default;
};

// What participants send is taken, and nothing else happens until TrainingResumed.
struct TrainingPaused {
  static constexpr std::string_view type = "TrainingPaused";
  static constexpr int revision = 1;
  static constexpr auto fields() { return std::tuple{}; }
  bool operator==(const TrainingPaused&) const = default;
};

// After a pause it goes on where it was. After an error it is in the phase that failed again; where that was
// the server's work, in the one before, so that the work is done again with all that was accepted.
struct TrainingResumed {
  static constexpr std::string_view type = "TrainingResumed";
  static constexpr int revision = 1;
  static constexpr auto fields() { return std::tuple{}; }
  bool operator==(const TrainingResumed&) const = default;
};

// The open phase waits for its participants until then, and no longer.
struct DeadlineSet {
  static constexpr std::string_view type = "DeadlineSet";
  static constexpr int revision = 1;
  Timestamp until;
  static constexpr auto fields() { return std::tuple{field("until", &DeadlineSet::until)}; }
  bool operator==(const DeadlineSet&) const = default;
};

// The deadline came, and `missing` (in canonical order) had not done their part. `quorum`: whether so many
// had that the training can go on with what is there; always so for a test.
struct DeadlinePassed {
  static constexpr std::string_view type = "DeadlinePassed";
  static constexpr int revision = 1;
  std::int64_t round = 0;
  Phase phase = Phase::idle;
  std::vector<UserId> missing;
  bool quorum = false;
  static constexpr auto fields() {
    return std::tuple{field("round", &DeadlinePassed::round), field("phase", &DeadlinePassed::phase),
                      field("missing", &DeadlinePassed::missing), field("quorum", &DeadlinePassed::quorum)};
  }
  bool operator==(const DeadlinePassed&) const = default;
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
  static constexpr int revision = 2;
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

// How a requested notification ended: `status` is the receiver's HTTP status or 0, `detail` says more. `kind`
// and `round` are those of the notification; logs of the first revision do not have them.
struct NotificationSettled {
  static constexpr std::string_view type = "NotificationSettled";
  static constexpr int revision = 2;
  EventId notification;
  UserId receiver;
  DeliveryOutcome outcome = DeliveryOutcome::delivered;
  std::int64_t status = 0;
  std::int64_t attempts = 0;
  std::string detail;
  std::optional<NotificationKind> kind = {};
  std::optional<std::int64_t> round = {};
  static constexpr auto fields() {
    return std::tuple{field("notification", &NotificationSettled::notification),
                      field("receiver", &NotificationSettled::receiver),
                      field("outcome", &NotificationSettled::outcome),
                      field("status", &NotificationSettled::status),
                      field("attempts", &NotificationSettled::attempts),
                      field("detail", &NotificationSettled::detail),
                      field("kind", &NotificationSettled::kind),
                      field("round", &NotificationSettled::round)};
  }
  bool operator==(const NotificationSettled&) const = default;
};

using TrainingEvent =
    std::variant<TrainingCreated, ParticipantJoined, ParticipantRemoved, TrainingStarted, RoundOpened,
                 UpdateAccepted, RoundClosed, RoundAggregated, ModelsPassedOn, SwagRoundOpened,
                 MomentsAccepted, SwagRoundClosed, MomentsAveraged, TestOpened, MetricsReported,
                 PreprocessingReplaced, TrainingCompleted, TrainingFailed, TrainingCancelled, TrainingPaused,
                 TrainingResumed, DeadlineSet, DeadlinePassed, TrainingDeleted, NotificationRequested,
                 NotificationSettled>;

}  // namespace fedlog::domain
