#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "domain/group.h"
#include "domain/model.h"
#include "domain/notification.h"
#include "domain/training.h"
#include "domain/training_status.h"
#include "domain/user.h"
#include "storage/key_ring.h"
#include "storage/key_value.h"
#include "storage/list.h"

namespace fedlog::storage {

// One reported metric as the API lists it. `id` is unique and grows with time.
struct MetricRow {
  std::int64_t id = 0;
  domain::ModelId model;
  domain::UserId reporter;
  std::int64_t step = 0;
  domain::Metric metric;

  static constexpr auto fields() {
    using domain::field;
    return std::tuple{field("id", &MetricRow::id), field("model", &MetricRow::model),
                      field("reporter", &MetricRow::reporter), field("step", &MetricRow::step),
                      field("metric", &MetricRow::metric)};
  }
};

// A notification that is requested and not settled. `position` is its event's place in the log.
struct OutboxRow {
  std::uint64_t position = 0;
  domain::EventId id;
  domain::Notification notification;
  domain::Timestamp requested;

  static constexpr auto fields() {
    using domain::field;
    return std::tuple{field("position", &OutboxRow::position), field("id", &OutboxRow::id),
                      field("notification", &OutboxRow::notification),
                      field("requested", &OutboxRow::requested)};
  }
};

// How many notifications a receiver can still ask for when they are settled.
inline constexpr std::uint64_t notifications_kept = 1'000;

// What the log adds up to, for reading: kept up to date in the same batch as the events, so whatever was
// acknowledged can be read. Deleted things are absent. Lists are in order of creation, and must not outlive
// the views. Any thread; every call reads the newest state, and throws std::runtime_error where a stored row
// is damaged.
class Views {
 public:
  // Both must outlive it.
  Views(const KeyValueReader& reader, const KeyRing& keys) : reader_(&reader), keys_(&keys) {}

  [[nodiscard]] std::optional<domain::User> user(domain::UserId id) const;
  // Whether there is such a user, and its account is active.
  [[nodiscard]] bool is_active(domain::UserId id) const;
  [[nodiscard]] std::optional<domain::User> user_by_name(std::string_view username) const;
  [[nodiscard]] List<domain::User> users() const;

  [[nodiscard]] std::optional<domain::Group> group(domain::GroupId id) const;
  [[nodiscard]] std::optional<domain::Group> group_by_name(std::string_view name) const;
  [[nodiscard]] List<domain::Group> groups() const;
  [[nodiscard]] List<domain::Group> groups_of(domain::UserId member) const;
  [[nodiscard]] std::int64_t last_group_number() const;  // deleted ones count

  [[nodiscard]] std::optional<domain::Model> model(domain::ModelId id) const;  // local ones too
  // Those that the user owns (local ones too), or in whose training it takes part.
  [[nodiscard]] List<domain::Model> models_of(domain::UserId user) const;
  // The training's model, the local models that participants go on with, then the updates of the open round
  // in order of arrival.
  [[nodiscard]] List<domain::Model> models_in(const domain::Training& training) const;
  // The same with each participant's latest local model only.
  [[nodiscard]] List<domain::Model> latest_models_in(const domain::Training& training) const;

  [[nodiscard]] std::optional<domain::Training> training(domain::TrainingId id) const;
  // Lists leave `last_deliveries` out.
  [[nodiscard]] List<domain::Training> trainings_of_actor(domain::UserId actor) const;
  [[nodiscard]] List<domain::Training> trainings_of(domain::UserId actor_or_participant) const;
  // Trainings that wait for the server itself: an aggregation to be made, moments to be averaged, or a
  // deadline.
  [[nodiscard]] std::vector<domain::TrainingId> trainings_with_pending_work() const;

  [[nodiscard]] List<MetricRow> metrics_of(domain::ModelId model) const;

  [[nodiscard]] std::vector<OutboxRow> outbox(std::uint64_t after_position, std::size_t limit) const;
  [[nodiscard]] bool is_pending(std::uint64_t outbox_position) const;
  // The outbox's rows of one training, in the order in which they were requested.
  [[nodiscard]] std::vector<domain::PendingNotification> pending_in(domain::TrainingId training) const;

  // Those for one receiver after a position of the log: all that are pending, and of the rest the
  // `notifications_kept` that were settled last, as long as their training is there.
  [[nodiscard]] std::vector<OutboxRow> notifications_of(domain::UserId receiver, std::uint64_t after_position,
                                                        std::size_t limit) const;

  // Whether a model or a training that is not deleted needs the blob; blob_references.h says who needs what.
  [[nodiscard]] bool is_needed(domain::BlobId blob) const;

 private:
  [[nodiscard]] List<domain::Model> models(std::vector<domain::ModelId> ids) const;

  const KeyValueReader* reader_;
  const KeyRing* keys_;
};

}  // namespace fedlog::storage
