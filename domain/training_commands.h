#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "domain/rejection.h"
#include "domain/rights.h"
#include "domain/training.h"

namespace fedlog::domain {

// What can be asked of a training. Commands come with everything they need: ids, blobs and outcomes are made
// before.
struct CreateTraining {
  TrainingCreated facts;
};

struct StartTraining {
  Caller by;
};

// Users that take part already are no error; they are left as they are. A training in state ERROR takes
// participants too, unless it was cancelled: to be resumed with them.
struct AddParticipants {
  Caller by;
  std::vector<UserId> users;
};

// Of its own accord, where the training is open to that.
struct JoinTraining {
  Caller by;
};

// `by` takes part no more, whatever the state.
struct LeaveTraining {
  Caller by;
};

// Users that do not take part are no error.
struct RemoveParticipants {
  Caller by;
  std::vector<UserId> users;
};

// For good: into state ERROR, from INITIAL or while it runs.
struct CancelTraining {
  Caller by;
};

// While it runs; a training that is paused already is left as it is.
struct PauseTraining {
  Caller by;
};

// From a pause, or from state ERROR unless it was cancelled; a training that runs is left as it is.
struct ResumeTraining {
  Caller by;
};

// `deadline` has come. Nothing happens if it is not the training's deadline any more.
struct ExpireDeadline {
  Timestamp deadline;
};

// `weights` was checked against the training's base file before.
struct SubmitUpdate {
  Caller by;
  ModelId local_model;  // the id that the update gets
  std::int64_t round = 0;
  std::int64_t sample_size = 0;
  BlobId weights;
  std::vector<Metric> metrics;
};

// The files were checked against the training's base file before, and against each other: both are of `form`.
struct SubmitMoments {
  Caller by;
  std::int64_t round = 0;
  std::int64_t sample_size = 0;
  BlobId first_moment;
  BlobId second_moment;
  std::string form;
};

// `model` is the global model, a local one of the open round, or one that a participant goes on with. Whether
// `by` may report was checked before.
struct ReportMetrics {
  Caller by;
  ModelId model;
  std::vector<Metric> metrics;
};

// Whether `by` may replace it was checked before.
struct ReplacePreprocessing {
  Caller by;
  BlobId preprocessing;
};

// `aggregation` ended with `weights`, or with the reason why there are none. Nothing happens if it is not
// what the training waits for (any more).
struct RecordAggregation {
  Aggregation aggregation;
  std::expected<BlobId, std::string> weights;
};

struct AveragedMoments {
  BlobId first_moment;
  BlobId second_moment;
};

// `averaging` ended, likewise.
struct RecordAveraging {
  Averaging averaging;
  std::expected<AveragedMoments, std::string> moments;
};

struct RecordDelivery {
  EventId id;
  Notification notification;
  DeliveryOutcome outcome = DeliveryOutcome::delivered;
  std::int64_t status = 0;
  std::int64_t attempts = 0;
  std::string detail;
};

// With `model_owner`, the model goes too, and its owner may ask for it as well as the actor.
struct DeleteTraining {
  Caller by;
  std::optional<UserId> model_owner;
};

using TrainingCommand =
    std::variant<CreateTraining, StartTraining, AddParticipants, JoinTraining, LeaveTraining,
                 RemoveParticipants, CancelTraining, PauseTraining, ResumeTraining, ExpireDeadline,
                 SubmitUpdate, SubmitMoments, ReportMetrics, ReplacePreprocessing, RecordAggregation,
                 RecordAveraging, RecordDelivery, DeleteTraining>;

using TrainingEvents = std::vector<TrainingEvent>;

// Whether `by` may send an update for `round` (none: it is not known yet) now, or, while the updates are
// being aggregated, its own once more; for callers that want to know before they look into its file. `model`
// is what the update is addressed to: the global model, or the local one that `by` goes on with.
[[nodiscard]] std::expected<void, Rejection> check_may_update(const Training& training, const Caller& by,
                                                              ModelId model,
                                                              std::optional<std::int64_t> round);

// The same for moments of the SWAG round `round`.
[[nodiscard]] std::expected<void, Rejection> check_may_send_moments(const Training& training,
                                                                    const Caller& by,
                                                                    std::optional<std::int64_t> round);

// What decides where a rule leaves something to chance (who goes on with whose model). The caller draws it
// anew for each decision, so that nobody can guess it; what came of it is in the events.
struct Chance {
  std::uint64_t seed = 0;
};

// What a decision takes from outside. `now` is the time of day: deadlines are written down in it.
struct Circumstances {
  Chance chance;
  Timestamp now;
};

// The events that carry out `command` in state `training`; none when there is nothing left to do. All rules
// of a training's course are here. Pure.
[[nodiscard]] std::expected<TrainingEvents, Rejection> decide(const Training& training,
                                                              const TrainingCommand& command,
                                                              const Circumstances& circumstances);

}  // namespace fedlog::domain
