#pragma once

#include <string>
#include <string_view>

#include "domain/identifiers.h"
#include "storage/blob_references.h"
#include "storage/described.h"
#include "storage/numbers.h"

// The keys of the views table; FORMAT.md, "Views", says what each holds. Positions are those of the event
// that created the thing, so that an index is in order of creation. Stored, but a rebuild writes them anew:
// count `views_revision` (rebuild_views.h) up with any change.
namespace fedlog::storage::view_keys {

template <class Tag>
std::string bytes_of(const domain::Id<Tag>& id) {
  return std::string(described::view_of(id.uuid.bytes));
}

template <class Id>
Id id_from(std::string_view bytes) {
  Id id;
  if (bytes.size() == id.uuid.bytes.size()) std::copy(bytes.begin(), bytes.end(), id.uuid.bytes.begin());
  return id;
}

inline std::string user(domain::UserId id) {
  return "u/" + bytes_of(id);
}
inline std::string user_by_name(std::string_view digest) {
  return "un/" + std::string(digest);
}
inline const std::string users_by_position = "up/";
inline std::string user_by_position(std::uint64_t position) {
  return users_by_position + big_endian(position);
}

inline const std::string user_count = "uc";

inline const std::string groups = "g/";
inline std::string group(domain::GroupId id) {
  return groups + big_endian(static_cast<std::uint64_t>(id.number));
}
inline std::string group_by_name(std::string_view name) {
  return "gn/" + std::string(name);
}
inline std::string groups_by_member(domain::UserId member) {
  return "gm/" + bytes_of(member);
}
inline std::string group_by_member(domain::UserId member, domain::GroupId id) {
  return groups_by_member(member) + big_endian(static_cast<std::uint64_t>(id.number));
}
inline const std::string last_group_number = "gl";
inline const std::string group_count = "gc";

inline std::string model(domain::ModelId id) {
  return "m/" + bytes_of(id);
}
inline std::string models_by_owner(domain::UserId owner) {
  return "mo/" + bytes_of(owner);
}
inline std::string model_by_owner(domain::UserId owner, std::uint64_t position) {
  return models_by_owner(owner) + big_endian(position);
}
inline std::string models_by_participant(domain::UserId participant) {
  return "mp/" + bytes_of(participant);
}
inline std::string model_by_participant(domain::UserId participant, std::uint64_t position) {
  return models_by_participant(participant) + big_endian(position);
}

inline std::string training(domain::TrainingId id) {
  return "t/" + bytes_of(id);
}
inline std::string training_touched(domain::TrainingId id) {
  return "tt/" + bytes_of(id);
}
inline std::string trainings_by_actor(domain::UserId actor) {
  return "ta/" + bytes_of(actor);
}
inline std::string training_by_actor(domain::UserId actor, std::uint64_t position) {
  return trainings_by_actor(actor) + big_endian(position);
}
inline std::string trainings_by_participant(domain::UserId participant) {
  return "tp/" + bytes_of(participant);
}
inline std::string training_by_participant(domain::UserId participant, std::uint64_t position) {
  return trainings_by_participant(participant) + big_endian(position);
}
inline const std::string trainings_with_work = "tw/";
inline std::string training_with_work(std::uint64_t position) {
  return trainings_with_work + big_endian(position);
}

inline std::string last_deliveries(domain::TrainingId training) {
  return "td/" + bytes_of(training);
}
inline std::string last_delivery(domain::TrainingId training, domain::UserId receiver) {
  return last_deliveries(training) + bytes_of(receiver);
}

inline std::string metrics(domain::ModelId model) {
  return "x/" + bytes_of(model);
}
inline std::string metric(domain::ModelId model, std::int64_t id) {
  return metrics(model) + big_endian(static_cast<std::uint64_t>(id));
}
inline std::string metric_count(domain::ModelId model) {
  return "xc/" + bytes_of(model);
}

// Followed by who needs it.
inline std::string blob_needs(domain::BlobId id) {
  return "b/" + std::string(described::view_of(id.digest));
}
inline std::string blob_need(domain::BlobId id, const BlobOwner& owner) {
  const auto* model = std::get_if<domain::ModelId>(&owner);
  return blob_needs(id) +
         (model != nullptr ? "m" + bytes_of(*model) : "t" + bytes_of(std::get<domain::TrainingId>(owner)));
}

inline const std::string outbox = "o/";
inline std::string outbox_row(std::uint64_t position) {
  return outbox + big_endian(position);
}
inline std::string outbox_by_id(domain::EventId id) {
  return "oi/" + bytes_of(id);
}
inline std::string outbox_by_training(domain::TrainingId training) {
  return "ot/" + bytes_of(training);
}

inline std::string notifications(domain::UserId receiver) {
  return "n/" + bytes_of(receiver);
}
inline std::string notification(domain::UserId receiver, std::uint64_t position) {
  return notifications(receiver) + big_endian(position);
}
inline std::string notifications_settled(domain::UserId receiver) {
  return "ns/" + bytes_of(receiver);
}
inline std::string notification_settled(domain::UserId receiver, std::uint64_t settled_at) {
  return notifications_settled(receiver) + big_endian(settled_at);
}
inline std::string settled_notification_count(domain::UserId receiver) {
  return "nc/" + bytes_of(receiver);
}
inline std::string forgotten_up_to(domain::UserId receiver) {
  return "nf/" + bytes_of(receiver);
}
inline std::string notifications_by_training(domain::TrainingId training) {
  return "nt/" + bytes_of(training);
}
inline std::string notification_by_training(domain::TrainingId training, domain::UserId receiver,
                                            std::uint64_t position) {
  return notifications_by_training(training) + bytes_of(receiver) + big_endian(position);
}

}  // namespace fedlog::storage::view_keys
