#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "domain/group.h"
#include "domain/model.h"
#include "domain/training.h"
#include "domain/user.h"
#include "storage/event_codec.h"
#include "storage/key_ring.h"
#include "storage/key_value.h"
#include "storage/projection.h"
#include "storage/views.h"
#include "tests/storage/counting_reader.h"

namespace fedlog::http::testing {

class MemoryKeyValues final : public storage::KeyValueWriter {
 public:
  [[nodiscard]] std::optional<std::string> get(std::string_view key) const override {
    const auto found = entries_.find(key);
    return found == entries_.end() ? std::nullopt : std::optional{found->second};
  }
  void scan(std::string_view prefix, std::string_view from, const Visit& visit) const override {
    const auto copy = entries_;
    for (auto at = copy.lower_bound(std::max(prefix, from)); at != copy.end(); ++at) {
      if (!at->first.starts_with(prefix) || !visit(at->first, at->second)) return;
    }
  }
  void put(std::string_view key, std::string_view value) override {
    entries_.insert_or_assign(std::string{key}, std::string{value});
  }
  void erase(std::string_view key) override { entries_.erase(std::string{key}); }

 private:
  std::map<std::string, std::string, std::less<>> entries_;
};

class OneKeyRing final : public storage::KeyRing {
 public:
  [[nodiscard]] std::optional<storage::UserKey> key_of(domain::UserId) const override {
    return storage::UserKey{1, 2, 3};
  }
  [[nodiscard]] std::string lookup_digest(std::string_view text) const override {
    std::string digest{text};
    digest.resize(32, '.');
    return digest;
  }
};

// Ids that tests can tell apart: user 7 is 00000000-0000-4000-8000-000000000007.
template <class Id>
Id id_number(std::uint8_t number) {
  Id id;
  id.uuid.bytes[6] = 0x40;
  id.uuid.bytes[8] = 0x80;
  id.uuid.bytes[15] = number;
  return id;
}

// Views filled by events, as the server fills them, without a journal.
class World {
 public:
  World() : codec_(keys_), views_(counted_, keys_) {}

  [[nodiscard]] const storage::Views& views() const { return views_; }
  // What all questions to the views cost so far.
  [[nodiscard]] std::size_t reads() const { return counted_.reads(); }

  domain::User user(std::uint8_t number, std::string username, bool superuser = false) {
    const auto id = id_number<domain::UserId>(number);
    const domain::UserRegistered event{.user = id,
                                       .username = {std::move(username)},
                                       .first_name = {"Ada"},
                                       .last_name = {"Lovelace"},
                                       .email = {"ada@example.org"},
                                       .message_endpoint = {"https://ada.example.org/hook"},
                                       .actor = true,
                                       .superuser = superuser};
    apply(storage::stream_of(id), storage::EventCodec::encode(domain::UserEvent{event}, *keys_.key_of(id)));
    return *views_.user(id);
  }

  void deactivate(std::uint8_t number) {
    const auto id = id_number<domain::UserId>(number);
    apply(storage::stream_of(id),
          storage::EventCodec::encode(domain::UserEvent{domain::UserDeactivated{id}}, *keys_.key_of(id)));
  }

  void sign_notifications(std::uint8_t number) {
    const auto id = id_number<domain::UserId>(number);
    apply(storage::stream_of(id),
          storage::EventCodec::encode(domain::UserEvent{domain::UserWebhookSecretChanged{id, true}},
                                      *keys_.key_of(id)));
  }

  domain::Group group(std::int64_t number, std::string name, std::vector<domain::UserId> members = {}) {
    const domain::GroupId id{number};
    apply(id, domain::GroupEvent{domain::GroupCreated{id, std::move(name)}});
    for (const auto& member : members) apply(id, domain::GroupEvent{domain::GroupMemberAdded{member}});
    return *views_.group(id);
  }

  domain::Model model(domain::ModelUploaded facts) {
    const auto id = facts.model;
    apply(id, domain::ModelEvent{std::move(facts)});
    return *views_.model(id);
  }

  domain::Training training(domain::TrainingCreated facts) {
    const auto id = facts.training;
    apply(facts.model, domain::ModelEvent{domain::ModelJoinedTraining{id}});
    apply(id, domain::TrainingEvent{std::move(facts)});
    return *views_.training(id);
  }

  template <class Id, class Event>
  void apply(Id id, const Event& event) {
    apply(storage::stream_of(id), storage::EventCodec::encode(event));
  }

 private:
  void apply(const std::string& stream, storage::NewEvent event) {
    storage::Envelope envelope;
    envelope.position = ++position_;
    envelope.stream = stream;
    envelope.version = ++versions_[stream];
    envelope.type = std::move(event.type);
    envelope.revision = event.revision;
    envelope.payload = std::move(event.payload);
    envelope.time = {.microseconds = 1'769'847'300'000'123};
    storage::project(envelope, codec_, entries_);
  }

  OneKeyRing keys_;
  storage::EventCodec codec_;
  MemoryKeyValues entries_;
  storage::testing::CountingReader counted_{entries_};
  storage::Views views_;
  std::uint64_t position_ = 0;
  std::map<std::string, std::uint64_t> versions_;
};

}  // namespace fedlog::http::testing
