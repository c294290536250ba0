#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "domain/group.h"
#include "domain/model.h"
#include "domain/training.h"
#include "domain/user.h"
#include "storage/event_codec.h"
#include "storage/journal.h"
#include "storage/storage.h"

// Values for tests: ids that differ in one byte, events with every field set, and commits of them.
namespace fedlog::storage::testing {

template <class Id>
Id id(std::uint8_t number) {
  Id made;
  made.uuid.bytes[0] = 0x0f;
  made.uuid.bytes[15] = number;
  return made;
}

inline domain::UserId user_id(std::uint8_t number) {
  return id<domain::UserId>(number);
}
inline domain::ModelId model_id(std::uint8_t number) {
  return id<domain::ModelId>(number);
}
inline domain::TrainingId training_id(std::uint8_t number) {
  return id<domain::TrainingId>(number);
}

inline domain::BlobId blob_id(std::uint8_t number) {
  domain::BlobId made;
  made.digest.fill(number);
  return made;
}

inline domain::UserRegistered registered(std::uint8_t number, const std::string& name) {
  return {.user = user_id(number),
          .username = {name},
          .first_name = {"First of " + name},
          .last_name = {"Last of " + name},
          .email = {name + "@example.org"},
          .message_endpoint = {"http://" + name + ".example.org:8080"},
          .actor = true,
          .client = false,
          .superuser = false};
}

inline domain::ModelUploaded uploaded(std::uint8_t number, domain::UserId owner) {
  return {.model = model_id(number),
          .kind = domain::ModelKind::global,
          .owner = owner,
          .name = "mnist",
          .description = "",
          .input_shape = domain::InputShape{std::nullopt, 28, 28},
          .round = 0,
          .weights = blob_id(number),
          .preprocessing = std::nullopt,
          .members = {},
          .copied_from = std::nullopt};
}

inline domain::TrainingCreated created(std::uint8_t number, std::uint8_t model, domain::UserId actor,
                                       std::vector<domain::UserId> participants) {
  domain::TrainingCreated event;
  event.training = training_id(number);
  event.model = model_id(model);
  event.model_version = 1;
  event.actor = actor;
  event.target_num_updates = 2;
  event.participants = std::move(participants);
  event.weights = blob_id(model);
  return event;
}

inline Commit commit_of(StreamName stream, std::uint64_t expected_version, std::vector<NewEvent> events) {
  Commit commit;
  commit.appends.push_back(
      {.stream = std::move(stream), .expected_version = expected_version, .events = std::move(events)});
  return commit;
}

// A model of its own stream, for tests that only need some event.
inline Commit upload(std::uint8_t number, std::uint64_t expected_version = 0) {
  return commit_of(stream_of(model_id(number)), expected_version,
                   {EventCodec::encode(domain::ModelEvent{uploaded(number, user_id(1))})});
}

// One more event of the model that `upload` made.
inline Commit report(std::uint8_t number, std::uint64_t expected_version, double value = 0.5) {
  domain::MetricsReported reported{.reporter = user_id(1),
                                   .model = model_id(number),
                                   .step = 0,
                                   .metrics = {{.name = "accuracy", .number = value, .blob = std::nullopt}}};
  return commit_of(stream_of(model_id(number)), expected_version,
                   {EventCodec::encode(domain::ModelEvent{reported})});
}

inline Commit registration(Storage& storage, std::uint8_t number, const std::string& name) {
  auto key = storage.new_user_key(user_id(number));
  auto commit = commit_of(stream_of(user_id(number)), 0,
                          {EventCodec::encode(domain::UserEvent{registered(number, name)}, key.key)});
  commit.secrets.push_back(std::move(key.secret));
  return commit;
}

}  // namespace fedlog::storage::testing
