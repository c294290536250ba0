#include "actors/notifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <semaphore>

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

TEST_F(Notifications, AreSentWhereTheReceiverSaid) {
  request(2);
  Watched<Endpoint> seen;
  answer = [&](const Endpoint& endpoint, const WebhookMessage&) {
    seen.change([&](auto& value) { value = endpoint; });
    return accepted;
  };
  start(quick());
  const auto endpoint = seen.wait([](const auto& value) { return !value.host.empty(); });
  EXPECT_EQ(endpoint.host, "user2.example.org");
  EXPECT_EQ(endpoint.port, 8080);
  EXPECT_EQ(endpoint.target, "/hook");
}

// What a settlement leads to may not be there yet.
TEST_F(Notifications, AreNotSentBeforeTheStart) {
  request(2);
  make(quick());
  notifier->outbox_grew();
  notifier->stop();
  EXPECT_THAT(attempts.value(), IsEmpty());
  EXPECT_THAT(settled.value(), IsEmpty());
}

TEST_F(Notifications, ThatARestartLeftPendingAreSentAtTheStart) {
  request(2, training_start);
  request(2, update_round_start);
  start(quick());
  const auto all = settlements(2);
  EXPECT_THAT(attempts.value(), ElementsAre("2 TRAINING_START", "2 UPDATE_ROUND_START"));
  EXPECT_EQ(all[0].outcome, DeliveryOutcome::delivered);
  EXPECT_EQ(all[0].status, 200);
  EXPECT_EQ(all[0].attempts, 1);
}

TEST_F(Notifications, ThatComeLaterAreSentWhenTheOutboxGrows) {
  start(quick());
  request(2);
  notifier->outbox_grew();
  EXPECT_THAT(settlements(1), SizeIs(1));
}

TEST_F(Notifications, AreSentOnceHoweverOftenTheOutboxIsSaidToGrow) {
  start(quick());
  request(2);
  notifier->outbox_grew();
  settlements(1);
  request(3);
  notifier->outbox_grew();
  settlements(2);
  EXPECT_THAT(attempts.value(), ElementsAre("2 TRAINING_START", "3 TRAINING_START"));
}

TEST_F(Notifications, OfManyPagesAreAllSent) {
  domain::TrainingEvents many;
  for (int count = 0; count < 600; ++count) {
    many.emplace_back(domain::NotificationRequested{{.receiver = user_id(2),
                                                     .kind = training_start,
                                                     .training = training_id(1),
                                                     .model = model_id(1),
                                                     .round = {}}});
  }
  append(many);
  start(quick());
  EXPECT_THAT(settlements(600), SizeIs(600));
}

TEST_F(Notifications, ToAReceiverWaitUntilTheOneBeforeIsRecorded) {
  // With one thread, which prefers user 2's: only waiting lets user 3's go first.
  keep_unrecorded = user_id(2);
  request(2, training_start);
  request(2, update_round_start);
  request(3, training_start);
  request(3, update_round_start);
  start(quick());
  settlements(3);
  EXPECT_THAT(attempts.value(), ElementsAre("2 TRAINING_START", "3 TRAINING_START", "3 UPDATE_ROUND_START"));
  unrecorded.wait([](const auto& all) { return all.size() == 1; })[0]();
  settlements(4);
  EXPECT_THAT(attempts.value().back(), "2 UPDATE_ROUND_START");
}

TEST_F(Notifications, ToOthersGoOnWhileOneReceiverHangs) {
  request(2);
  for (int count = 0; count < 3; ++count) request(3);
  std::binary_semaphore release{0};
  answer = [&](const Endpoint& endpoint, const WebhookMessage&) {
    if (number_of(endpoint) == "2") release.acquire();
    return accepted;
  };
  start(quick(2));
  for (const auto& settlement : settlements(3)) EXPECT_EQ(settlement.row.notification.receiver, user_id(3));
  release.release();
  EXPECT_EQ(settlements(4).back().row.notification.receiver, user_id(2));
}

// The thread that has just failed to reach user 2 goes on with user 3 at once, and the others went to sleep
// before there was anything to plan. Some times over, since it is for the threads to say who comes first.
TEST_F(Notifications, AreTriedAgainWhileAnotherReceiverHangs) {
  std::counting_semaphore<> release{0};
  answer = [&, attempts_made = 0](const Endpoint& endpoint, const WebhookMessage&) mutable -> Attempt {
    if (number_of(endpoint) == "3") {
      release.acquire();
      return accepted;
    }
    if (++attempts_made % 2 == 0) return accepted;
    request(3);
    notifier->outbox_grew();
    return no_connection;
  };
  auto options = quick(4);
  options.retry.first = options.retry.max = milliseconds{50};
  start(options);
  for (std::size_t round = 1; round <= 8 && !HasFailure(); ++round) {
    request(2);
    notifier->outbox_grew();
    EXPECT_EQ(settlements(2 * round - 1).back().row.notification.receiver, user_id(2));
    release.release();
    settlements(2 * round);
  }
}

TEST_F(Notifications, AreSentToNoMoreReceiversAtOnceThanAllowed) {
  for (std::uint8_t user = 2; user <= 7; ++user) request(user);
  std::counting_semaphore<> release{0};
  Watched<std::pair<int, int>> running;  // now, at most
  answer = [&](const Endpoint&, const WebhookMessage&) {
    running.change([](auto& value) { value = {value.first + 1, std::max(value.second, value.first + 1)}; });
    release.acquire();
    running.change([](auto& value) { --value.first; });
    return accepted;
  };
  start(quick(2));
  running.wait([](const auto& value) { return value.first == 2; });
  release.release(6);
  settlements(6);
  EXPECT_EQ(running.value().second, 2);
}

TEST_F(Notifications, AreTriedAgainWithoutAConnection) {
  request(2);
  answer = [tries = 0](const Endpoint&, const WebhookMessage&) mutable {
    return ++tries < 4 ? no_connection : accepted;
  };
  start(quick());
  const auto all = settlements(1);
  EXPECT_EQ(all[0].outcome, DeliveryOutcome::delivered);
  EXPECT_EQ(all[0].attempts, 4);
}

TEST_F(Notifications, ThatAskForWorkAreTriedAgainWhenTheReceiverSaysLater) {
  request(2, update_round_start);
  answer = [tries = 0](const Endpoint&, const WebhookMessage&) mutable {
    return Attempt{.status = ++tries < 3 ? 503 : 202, .problem = {}};
  };
  start(quick());
  const auto all = settlements(1);
  EXPECT_EQ(all[0].outcome, DeliveryOutcome::delivered);
  EXPECT_EQ(all[0].status, 202);
  EXPECT_EQ(all[0].attempts, 3);
}

TEST_F(Notifications, AreRefusedByAnErrorOfTheReceiver) {
  request(2, update_round_start);
  answer = [](const Endpoint&, const WebhookMessage&) { return Attempt{.status = 500, .problem = {}}; };
  start(quick());
  const auto all = settlements(1);
  EXPECT_EQ(all[0].outcome, DeliveryOutcome::refused);
  EXPECT_EQ(all[0].status, 500);
}

TEST_F(Notifications, HaveAnUnreachableReceiverOnceTheSpanIsOver) {
  request(2);
  answer = [](const Endpoint&, const WebhookMessage&) { return no_connection; };
  start(quick(1, milliseconds{0}));
  const auto all = settlements(1);
  EXPECT_EQ(all[0].outcome, DeliveryOutcome::unreachable);
  EXPECT_EQ(all[0].detail, "no answer (no connection)");
}

TEST_F(Notifications, OfADeletedTrainingAreDropped) {
  request(2, training_start);
  request(2, update_round_start);
  std::binary_semaphore release{0};
  answer = [&](const Endpoint&, const WebhookMessage&) {
    release.acquire();
    return accepted;
  };
  start(quick());
  attempts.wait([](const auto& all) { return all.size() == 1; });
  append({domain::TrainingDeleted{}});
  release.release();
  const auto all = settlements(2);
  EXPECT_EQ(all[1].outcome, DeliveryOutcome::dropped);
  EXPECT_THAT(attempts.value(), ElementsAre("2 TRAINING_START"));
}

TEST_F(Notifications, ToAnUnknownReceiverAreDropped) {
  request(99);
  start(quick());
  EXPECT_EQ(settlements(1)[0].outcome, DeliveryOutcome::dropped);
}

TEST_F(Notifications, ToAnEndpointThatIsNoneHaveAnUnreachableReceiver) {
  add_user(8, "ftp://user8.example.org");
  request(8);
  start(quick());
  const auto all = settlements(1);
  EXPECT_EQ(all[0].outcome, DeliveryOutcome::unreachable);
  EXPECT_THAT(all[0].detail, HasSubstr("does not begin with http://"));
  EXPECT_THAT(attempts.value(), IsEmpty());
}

TEST_F(Notifications, ThatCannotBeAttemptedCostNothingButThemselves) {
  request(2);
  request(3);
  answer = [](const Endpoint& endpoint, const WebhookMessage&) {
    if (endpoint.host == "user2.example.org") throw std::runtime_error("a row is damaged");
    return accepted;
  };
  start(quick());
  EXPECT_EQ(settlements(1)[0].row.notification.receiver, user_id(3));
}

TEST_F(Notifications, ThatCannotBeAttemptedForLongHaveAnUnreachableReceiver) {
  request(2);
  answer = [](const Endpoint&, const WebhookMessage&) -> Attempt { throw std::runtime_error("damaged"); };
  start(quick(1, milliseconds{0}));
  EXPECT_EQ(settlements(1)[0].detail, "no answer (this server cannot post it; its own log says why)");
}

TEST_F(Notifications, AreSentNoMoreAfterAStopButStillRecorded) {
  request(2);
  request(2);
  keep_unrecorded = user_id(2);
  start(quick());
  const auto recorded = unrecorded.wait([](const auto& all) { return all.size() == 1; });
  notifier->stop();
  recorded[0]();
  EXPECT_THAT(attempts.value(), SizeIs(1));
}

// A store whose rows cannot be read; counts who tries.
class DamagedReader final : public storage::KeyValueReader {
 public:
  std::optional<std::string> get(std::string_view) const override { throw std::runtime_error("damaged"); }
  void scan(std::string_view, std::string_view, const Visit&) const override {
    scans.change([](auto& count) { ++count; });
    throw std::runtime_error("damaged");
  }
  mutable Watched<int> scans;
};

TEST_F(Notifications, OfAnOutboxThatCannotBeReadDoNotEndTheServer) {
  const DamagedReader reader;
  const storage::Views views{reader, storage->codec().keys()};
  Notifier damaged{views, quick(), [](auto, const auto&) {}};
  damaged.start();
  reader.scans.wait([](int count) { return count == 1; });
  damaged.outbox_grew();
  reader.scans.wait([](int count) { return count == 2; });
}

TEST_F(Notifications, ThatWaitForTheirNextAttemptDoNotHoldUpTheEnd) {
  request(2);
  answer = [](const Endpoint&, const WebhookMessage&) { return no_connection; };
  auto options = quick();
  options.retry.first = options.retry.max = std::chrono::hours{2};
  options.retry.span = std::chrono::hours{4};
  start(options);
  attempts.wait([](const auto& all) { return all.size() == 1; });
  notifier.reset();
  EXPECT_THAT(settled.value(), IsEmpty());
  EXPECT_THAT(storage->views().outbox(0, 10), SizeIs(1));
}

}  // namespace
}  // namespace fedlog::actors
