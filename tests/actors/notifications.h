#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "actors/notifier.h"
#include "storage/data_folder.h"
#include "tests/actors/trainings.h"
#include "tests/actors/watched.h"
#include "tests/temporary_folder.h"

namespace fedlog::actors::testing {

inline const Attempt accepted{.status = 200, .problem = {}, .obstacle = Obstacle::none, .posted = true};
inline const Attempt no_connection{.status = 0, .problem = "no connection"};

// The number of a user's endpoint.
inline std::string number_of(const Endpoint& endpoint) {
  return endpoint.host.substr(4, endpoint.host.find('.') - 4);
}

// Which attempt was made, in words: "2 UPDATE_ROUND_START" is one to user 2.
inline std::string text_of(const Endpoint& endpoint, const WebhookMessage& message) {
  return number_of(endpoint) + " " +
         nlohmann::json::parse(message.body).at("notification_type").get<std::string>();
}

// An outbox with real views behind it, and receivers that answer as a test says.
class Notifications : public ::testing::Test {
 protected:
  Notifications() {
    for (std::uint8_t user = 1; user <= 7; ++user) {
      add_user(user, "http://user" + std::to_string(user) + ".example.org:8080/hook");
    }
    commit(storage::testing::upload(1));
    append({facts()});
  }
  ~Notifications() override { notifier.reset(); }

  void commit(storage::Commit commit) { ASSERT_TRUE(storage->journal().append_and_wait(std::move(commit))); }

  void add_user(std::uint8_t number, const std::string& endpoint) {
    auto event = storage::testing::registered(number, "user" + std::to_string(number));
    event.message_endpoint = {endpoint};
    auto key = storage->new_user_key(event.user);
    auto registration = storage::testing::commit_of(
        storage::stream_of(event.user), 0, {storage::EventCodec::encode(domain::UserEvent{event}, key.key)});
    registration.secrets.push_back(std::move(key.secret));
    commit(std::move(registration));
  }

  void append(const domain::TrainingEvents& events) {
    std::vector<storage::NewEvent> encoded;
    for (const auto& event : events) encoded.push_back(storage::EventCodec::encode(event));
    const auto stream = storage::stream_of(training_id(1));
    commit(storage::testing::commit_of(stream, storage->journal().version_of(stream), std::move(encoded)));
  }

  void append_user_event(const domain::UserEvent& event) {
    const auto user = user_id(2);
    const auto stream = storage::stream_of(user);
    const auto key = storage->codec().keys().key_of(user).value();
    commit(storage::testing::commit_of(stream, storage->journal().version_of(stream),
                                       {storage::EventCodec::encode(event, key)}));
  }

  // Puts a notification for `user` into the outbox.
  void request(std::uint8_t user, domain::NotificationKind kind = domain::NotificationKind::training_start) {
    append({domain::NotificationRequested{{.receiver = user_id(user),
                                           .kind = kind,
                                           .training = training_id(1),
                                           .model = model_id(1),
                                           .round = {}}}});
  }

  void make(Notifier::Options options) {
    notifier = std::make_unique<Notifier>(
        storage->views(), options,
        [this](Notifier::Settlement settlement, std::function<void()> recorded) {
          if (keep_unrecorded && settlement.row.notification.receiver == *keep_unrecorded) {
            settled.change([&](auto& all) { all.push_back(std::move(settlement)); });
            unrecorded.change([&](auto& all) { all.push_back(std::move(recorded)); });
            return;
          }
          settled.change([&](auto& all) { all.push_back(std::move(settlement)); });
          recorded();
        },
        [this](domain::UserId user) { return secret_of(user); },
        [this](const Endpoint& endpoint, const WebhookMessage& message, const Interruption*) {
          attempts.change([&](auto& all) { all.push_back(text_of(endpoint, message)); });
          return answer(endpoint, message);
        });
  }

  void start(Notifier::Options options) {
    make(options);
    notifier->start();
  }

  static Notifier::Options quick(std::size_t concurrency = 1,
                                 std::chrono::milliseconds span = std::chrono::hours{1}) {
    return {
        .retry = {.first = std::chrono::milliseconds{1}, .max = std::chrono::milliseconds{1}, .span = span},
        .concurrency = concurrency};
  }

  // Waits for `count` settlements.
  std::vector<Notifier::Settlement> settlements(std::size_t count) {
    return settled.wait([&](const auto& all) { return all.size() >= count; });
  }

  TemporaryFolder folder;
  std::unique_ptr<storage::Storage> storage = storage::open_memory_storage(folder.path());
  std::function<Attempt(const Endpoint&, const WebhookMessage&)> answer =
      [](const Endpoint&, const WebhookMessage&) { return accepted; };
  Notifier::SecretOf secret_of = [](domain::UserId) { return std::nullopt; };
  std::optional<domain::UserId> keep_unrecorded;
  Watched<std::vector<std::string>> attempts;
  Watched<std::vector<Notifier::Settlement>> settled;
  Watched<std::vector<std::function<void()>>> unrecorded;
  std::unique_ptr<Notifier> notifier;
};

}  // namespace fedlog::actors::testing
