#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <semaphore>

#include "actors/webhook_secret.h"
#include "tests/actors/living_system.h"

// What users change about their accounts, and the notifications that they ask for.
namespace fedlog::actors {
namespace {

using namespace testing;
using domain::Reason;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class UsersOfTheSystem : public ThreeUsers {
 protected:
  static UserChange with_endpoint(std::string endpoint) {
    return {.first_name = {},
            .last_name = {},
            .email = {},
            .message_endpoint = std::move(endpoint),
            .webhook_secret = {}};
  }
  static UserChange with_secret(std::string secret) {
    return {.first_name = {},
            .last_name = {},
            .email = {},
            .message_endpoint = {},
            .webhook_secret = std::move(secret)};
  }
  static Registration of_name(const std::string& name, const std::string& endpoint) {
    return {.username = name,
            .password = "secret",
            .first_name = {},
            .last_name = {},
            .email = {},
            .message_endpoint = endpoint};
  }
  static RequestContext superuser() {
    return {.caller = {.id = {}, .superuser = true}, .correlation = "operator", .idempotency_key = {}};
  }
  std::uint64_t events_of(domain::UserId user) {
    return storage.journal().version_of(storage::stream_of(user));
  }

  // The kinds of a user's notifications after `after`, which becomes the last one's position.
  std::vector<std::string> kinds(domain::UserId user, std::uint64_t& after) {
    std::vector<std::string> found;
    const auto rows = gateway().notifications(as(user), after).value();
    for (const auto& row : rows) {
      found.emplace_back(domain::name_of(row.notification.kind));
      after = row.position;
    }
    return found;
  }

  // Waits until there are any.
  std::vector<std::string> next_kinds(domain::UserId user, std::uint64_t& after) {
    while (true) {
      std::binary_semaphore news{0};
      const auto wait = gateway().await_notification(user);
      if (auto found = kinds(user, after); !found.empty()) return found;
      wait->listen([&news] { news.release(); });
      news.acquire();
    }
  }
};

TEST_F(UsersOfTheSystem, ChangeTheirNamesInOneEvent) {
  const auto before = events_of(ada);
  const UserChange change{.first_name = "Augusta",
                          .last_name = "King",
                          .email = "ada@example.org",
                          .message_endpoint = {},
                          .webhook_secret = {}};
  const auto user = gateway().change_user(as(ada, "key"), ada, change);
  ASSERT_TRUE(user.has_value()) << user.error().message;
  EXPECT_EQ(user->first_name.text, "Augusta");
  EXPECT_EQ(user->last_name.text, "King");
  EXPECT_EQ(events_of(ada), before + 1);
  const auto event = storage.journal().read_stream(storage::stream_of(ada), before + 1).at(0);
  EXPECT_EQ(event.type, "UserChanged");
  EXPECT_EQ(event.acting_user, ada);
  for (const auto* text : {"Augusta", "King", "example.org"}) {
    EXPECT_EQ(event.payload.find(text), std::string::npos) << text;
  }
  EXPECT_EQ(gateway().change_user(as(ada, "key"), ada, with_endpoint("poll:"))->message_endpoint,
            user->message_endpoint)
      << "carried out once";
  stop();
  start();
  EXPECT_EQ(storage.views().user(ada)->first_name.text, "Augusta");
}

TEST_F(UsersOfTheSystem, ChangeNobodyElse) {
  EXPECT_EQ(gateway().change_user(as(bob), ada, with_endpoint("poll:")).error().reason,
            Reason::permission_denied);
  EXPECT_EQ(gateway().change_user(superuser(), ada, with_endpoint("poll:"))->message_endpoint.text, "poll:");
  EXPECT_EQ(gateway().change_user(superuser(), {}, with_endpoint("poll:")).error().reason,
            Reason::user_not_found);
}

TEST_F(UsersOfTheSystem, HaveEndpointsThatCanBePostedTo) {
  for (const auto* endpoint : {"http://a:99999/", "http://user:password@a/", "http://[::1/"}) {
    const auto refused = gateway().change_user(as(ada), ada, with_endpoint(endpoint));
    ASSERT_FALSE(refused.has_value()) << endpoint;
    EXPECT_EQ(refused.error().reason, Reason::invalid_field);
    EXPECT_EQ(refused.error().field, "message_endpoint");
    EXPECT_THAT(refused.error().message, HasSubstr("Enter a valid URL: the endpoint"));
    EXPECT_EQ(gateway().register_user(of_name("eve", endpoint), "request").error().field, "message_endpoint");
  }
  EXPECT_TRUE(gateway().register_user(of_name("eve", "poll:"), "request").has_value());
}

TEST_F(UsersOfTheSystem, HaveNoColonInTheirNames) {
  const auto refused = gateway().register_user(of_name("a:b", "poll:"), "request");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().field, "username");
  EXPECT_THAT(refused.error().message, HasSubstr("':'"));
}

TEST_F(UsersOfTheSystem, HaveAWebhookSecretThatNobodyCanRead) {
  ASSERT_TRUE(gateway().change_user(as(ada), ada, with_secret("a secret"))->webhook_secret_set);
  EXPECT_EQ(webhook_secret_of(storage, ada), "a secret");
  EXPECT_EQ(storage.journal().secret(webhook_secret_key(ada))->find("a secret"), std::string::npos);
  for (const auto& envelope : storage.journal().read_stream(storage::stream_of(ada), 1)) {
    EXPECT_EQ(envelope.payload.find("a secret"), std::string::npos);
  }
  ASSERT_TRUE(gateway().change_user(as(ada), ada, with_secret("another"))->webhook_secret_set);
  EXPECT_EQ(webhook_secret_of(storage, ada), "another");
  EXPECT_FALSE(gateway().change_user(as(ada), ada, with_secret(""))->webhook_secret_set);
  EXPECT_EQ(webhook_secret_of(storage, ada), std::nullopt);
}

TEST_F(UsersOfTheSystem, AreNotLockedOutByAccidentWhileTheyRunTrainings) {
  const auto id = create_training(owner, {ada, bob});
  const auto deactivate = [&](bool even_if_running) {
    return gateway().set_active(superuser(), owner, false, even_if_running);
  };
  ASSERT_TRUE(gateway().start_training(as(owner), id).has_value());
  const auto refused = deactivate(false);
  ASSERT_FALSE(refused.has_value());
  EXPECT_THAT(refused.error().message, HasSubstr(id.text()));
  EXPECT_FALSE(deactivate(true).value().active);
}

TEST_F(UsersOfTheSystem, AreLockedOutWhereTheirTrainingsDoNotRun) {
  std::ignore = create_training(owner, {ada, bob});
  EXPECT_FALSE(gateway().set_active(superuser(), owner, false, false).value().active);
}

TEST_F(UsersOfTheSystem, TakePartByAskingForTheirNotifications) {
  ASSERT_TRUE(gateway().change_user(as(ada), ada, with_endpoint("poll:")).has_value());
  const auto id = create_training(owner, {ada, bob});
  ASSERT_TRUE(gateway().start_training(as(owner), id).has_value());
  std::uint64_t cursor = 0;
  std::vector<std::string> seen;
  while (seen.empty() || seen.back() != "TRAINING_FINISHED") {
    for (const auto& kind : next_kinds(ada, cursor)) {
      seen.push_back(kind);
      if (kind == "UPDATE_ROUND_START") {
        receiver.wait_for("/bob", kind);
        EXPECT_TRUE(submit(ada, id, {1, 2}).has_value());
        EXPECT_TRUE(submit(bob, id, {3, 4}).has_value());
      } else if (kind == "MODEL_TEST_ROUND") {
        EXPECT_TRUE(report(ada, id).has_value());
        EXPECT_TRUE(report(bob, id).has_value());
      }
    }
  }
  EXPECT_THAT(seen, ::testing::ElementsAre("TRAINING_START", "UPDATE_ROUND_START", "MODEL_TEST_ROUND",
                                           "TRAINING_FINISHED"));
  for (const auto& call : receiver.calls()) EXPECT_NE(call.target, "/ada") << "nothing is posted";
  std::uint64_t again = 0;
  EXPECT_THAT(kinds(ada, again), SizeIs(4)) << "all of them are kept";
}

TEST_F(UsersOfTheSystem, AreToldAtTheirNewEndpointFromThenOn) {
  ASSERT_TRUE(gateway().change_user(as(ada), ada, with_endpoint("poll:")).has_value());
  const auto id = create_training(owner, {ada, bob});
  ASSERT_TRUE(gateway().start_training(as(owner), id).has_value());
  receiver.wait_for("/bob", "UPDATE_ROUND_START");
  ASSERT_TRUE(gateway().change_user(as(ada), ada, with_endpoint(receiver.url("/new"))).has_value());
  receiver.wait_for("/new", "UPDATE_ROUND_START", 0);
}

TEST_F(UsersOfTheSystem, AreToldNothingAnewAtTheEndpointThatTheyHave) {
  stop();
  options.notifications.retry = {
      .first = std::chrono::hours{2}, .max = std::chrono::hours{2}, .span = std::chrono::hours{4}};
  start();
  receiver.set_status(503);
  const auto id = create_training(owner, {ada});
  ASSERT_TRUE(gateway().start_training(as(owner), id).has_value());
  receiver.wait([](const auto& calls) { return calls.size() == 2; });
  const auto posted_to = [this](std::size_t count) {
    return receiver.wait([&](const auto& calls) { return calls.size() == count; }).back().target;
  };
  EXPECT_EQ(posted_to(2), "/ada");
  for (int count = 0; count < 3; ++count) {
    ASSERT_TRUE(gateway().change_user(as(ada), ada, with_endpoint(receiver.url("/ada"))).has_value());
  }
  ASSERT_TRUE(gateway().change_user(as(ada), ada, with_endpoint(receiver.url("/new"))).has_value());
  EXPECT_EQ(posted_to(3), "/new");
}

TEST_F(UsersOfTheSystem, CanTryTheirEndpoints) {
  const auto answer = gateway().ping(as(ada), ada);
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->problem, "");
  const auto calls = receiver.calls();
  ASSERT_THAT(calls, SizeIs(1));
  EXPECT_EQ(calls[0].target, "/ada");
  EXPECT_EQ(calls[0].body.at("notification_type"), "PING");
}

}  // namespace
}  // namespace fedlog::actors
