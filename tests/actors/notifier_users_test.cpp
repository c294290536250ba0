#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <semaphore>
#include <thread>

#include "tests/actors/notifications.h"

namespace fedlog::actors {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using enum domain::NotificationKind;
using domain::DeliveryOutcome;
using std::chrono::milliseconds;

TEST_F(Notifications, AreSignedWithTheirReceiversSecret) {
  request(2);
  append_user_event(domain::UserWebhookSecretChanged{user_id(2), true});
  Watched<std::optional<std::string>> secret;
  secret_of = [](domain::UserId user) {
    return user == user_id(2) ? std::optional<std::string>{"of two"} : std::nullopt;
  };
  answer = [&](const Endpoint&, const WebhookMessage& message) {
    secret.change([&](auto& value) { value = message.secret; });
    return accepted;
  };
  start(quick());
  settlements(1);
  EXPECT_EQ(secret.value(), "of two");
}

TEST_F(Notifications, AreNotSentUnsignedWhereTheSecretIsLost) {
  request(2);
  append_user_event(domain::UserWebhookSecretChanged{user_id(2), true});
  start(quick(1, milliseconds{0}));
  EXPECT_EQ(settlements(1)[0].detail, "no answer (the secret to sign it with cannot be read)");
  EXPECT_THAT(attempts.value(), IsEmpty());
}

TEST_F(Notifications, ToWhoeverPollsAreDeliveredWhenTheyAreFetched) {
  add_user(8, "poll:behind a firewall");
  add_user(9, "");
  for (const std::uint8_t user : {8, 9}) {
    request(user, training_start);
    request(user, update_round_start);
    request(user, model_test_round);
  }
  const auto rows = storage->views().outbox(0, 10);
  start(quick(2));
  notifier->fetched(user_id(8), rows[1].position);
  for (const auto& settlement : settlements(2)) {
    EXPECT_EQ(settlement.row.notification.receiver, user_id(8));
    EXPECT_EQ(settlement.outcome, DeliveryOutcome::delivered);
  }
  notifier->fetched(user_id(8), rows[2].position);
  notifier->fetched(user_id(9), rows[5].position);
  EXPECT_THAT(settlements(6), SizeIs(6));
  EXPECT_THAT(attempts.value(), IsEmpty());
}

TEST_F(Notifications, ThatWereJustRequestedCanBeFetched) {
  add_user(8, "");
  request(8);
  make(quick());  // which has not read the outbox yet
  notifier->fetched(user_id(8), storage->views().outbox(0, 1)[0].position);
  notifier->start();
  EXPECT_EQ(settlements(1)[0].outcome, DeliveryOutcome::delivered);
}

TEST_F(Notifications, AreTriedAgainAtOnceWhereTheReceiverHasMoved) {
  request(2);
  answer = [](const Endpoint& endpoint, const WebhookMessage&) {
    return endpoint.host == "user2.example.org" ? no_connection : accepted;
  };
  auto options = quick();
  options.retry.first = options.retry.max = std::chrono::hours{2};
  options.retry.span = std::chrono::hours{4};
  start(options);
  attempts.wait([](const auto& all) { return all.size() == 1; });
  append_user_event(domain::UserChanged{.user = user_id(2),
                                        .first_name = {},
                                        .last_name = {},
                                        .email = {},
                                        .message_endpoint = {{"http://moved.example.org/"}}});
  notifier->endpoint_changed(user_id(2));
  EXPECT_EQ(settlements(1)[0].attempts, 2);
}

TEST_F(Notifications, SayHowTheyStand) {
  request(2);
  answer = [](const Endpoint&, const WebhookMessage&) { return no_connection; };
  auto options = quick();
  options.retry.first = options.retry.max = std::chrono::hours{2};
  options.retry.span = std::chrono::hours{4};
  start(options);
  std::optional<PendingDelivery> pending;
  do {
    pending = notifier->pending(user_id(2), training_id(1));
  } while (pending && pending->attempts == 0);
  ASSERT_TRUE(pending.has_value());
  EXPECT_EQ(pending->state, PendingDelivery::State::waiting);
  EXPECT_EQ(pending->last.problem, "no connection");
  EXPECT_FALSE(notifier->pending(user_id(3), training_id(1)).has_value());
}

TEST_F(Notifications, CanBeTriedWithAPing) {
  make(quick());
  const auto answered = notifier->ping(storage->views().user(user_id(2)).value());
  ASSERT_TRUE(answered.has_value());
  EXPECT_EQ(answered->status, 200);
  EXPECT_TRUE(answered->duration_ms.has_value());
  EXPECT_EQ(answered->problem, "");
  EXPECT_THAT(attempts.value(), ElementsAre("2 PING"));

  answer = [](const Endpoint&, const WebhookMessage&) { return Attempt{.status = 500, .problem = {}}; };
  EXPECT_THAT(notifier->ping(storage->views().user(user_id(2)).value())->problem,
              HasSubstr("it answers 500"));
  answer = [](const Endpoint&, const WebhookMessage&) { return no_connection; };
  const auto silent = notifier->ping(storage->views().user(user_id(2)).value()).value();
  EXPECT_FALSE(silent.status.has_value());
  EXPECT_FALSE(silent.duration_ms.has_value()) << "nothing was posted";
  EXPECT_EQ(silent.problem, "no connection");
  answer = [](const Endpoint&, const WebhookMessage&) -> Attempt {
    return {.status = 0, .problem = "it is silent", .obstacle = Obstacle::none, .posted = true};
  };
  EXPECT_TRUE(notifier->ping(storage->views().user(user_id(2)).value())->duration_ms.has_value());
}

TEST_F(Notifications, TellOnlyWhoeverPingsWhereTheEndpointIs) {
  answer = [](const Endpoint&, const WebhookMessage&) -> Attempt {
    return {.status = 0,
            .problem = "no connection: refused",
            .obstacle = Obstacle::none,
            .posted = false,
            .in_full = "no connection to 192.0.2.7: refused"};
  };
  request(2);
  start(quick(1, milliseconds{0}));
  EXPECT_EQ(settlements(1)[0].detail, "no answer (no connection: refused)");
  EXPECT_EQ(notifier->ping(storage->views().user(user_id(2)).value())->problem,
            "no connection to 192.0.2.7: refused");
}

// All eight hang, and share a host and a port.
TEST_F(Notifications, ToOneHostThatHangsLeaveRoomForTheOthers) {
  std::counting_semaphore<> release{0};
  answer = [&](const Endpoint& endpoint, const WebhookMessage&) {
    if (endpoint.host == "Dead.example.org" || endpoint.host == "dead.example.org") release.acquire();
    return accepted;
  };
  for (std::uint8_t user = 10; user < 18; ++user) {
    add_user(user, user % 2 == 0 ? "http://dead.example.org/a" : "http://Dead.example.org:80/b");
    request(user);
  }
  start(quick(8));
  attempts.wait([](const auto& all) { return all.size() == 2; });
  request(2);
  notifier->outbox_grew();
  EXPECT_EQ(settlements(1)[0].row.notification.receiver, user_id(2));
  release.release(8);
  settlements(9);
}

TEST_F(Notifications, CannotBeTriedWithAPingWhereNothingIsPosted) {
  add_user(8, "");
  add_user(9, "ftp://user9.example.org");
  make(quick());
  const auto polling = notifier->ping(storage->views().user(user_id(8)).value()).value();
  EXPECT_FALSE(polling.duration_ms.has_value());
  EXPECT_THAT(polling.problem, HasSubstr("asks for its notifications itself"));
  const auto none = notifier->ping(storage->views().user(user_id(9)).value()).value();
  EXPECT_FALSE(none.duration_ms.has_value());
  EXPECT_THAT(none.problem, HasSubstr("does not begin with http://"));
}

TEST_F(Notifications, AreTriedWithFewPingsAtOnce) {
  std::counting_semaphore<> release{0};
  answer = [&](const Endpoint&, const WebhookMessage&) {
    release.acquire();
    return accepted;
  };
  auto options = quick();
  options.pings_max = 2;
  make(options);
  const auto two = storage->views().user(user_id(2)).value();
  std::jthread first{[&] { EXPECT_TRUE(notifier->ping(two).has_value()); }};
  attempts.wait([](const auto& all) { return all.size() == 1; });
  const auto again = notifier->ping(two);
  ASSERT_FALSE(again.has_value()) << "one at a time to a receiver";
  EXPECT_EQ(again.error().reason, domain::Reason::throttled);
  const auto three = storage->views().user(user_id(3)).value();
  std::jthread second{[&] { EXPECT_TRUE(notifier->ping(three).has_value()); }};
  attempts.wait([](const auto& all) { return all.size() == 2; });
  EXPECT_FALSE(notifier->ping(storage->views().user(user_id(4)).value()).has_value()) << "two are under way";
  release.release(2);
}

}  // namespace
}  // namespace fedlog::actors
