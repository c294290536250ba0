#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/notifier.h"
#include "storage/data_folder.h"
#include "tests/actors/raw_receiver.h"
#include "tests/actors/receiver.h"
#include "tests/actors/trainings.h"
#include "tests/temporary_folder.h"

namespace fedlog::actors {
namespace {

using namespace testing;
using std::chrono::milliseconds;
using ::testing::SizeIs;

// A notification for user 2, whose endpoint a test chooses.
class NotificationsOverHttp : public ::testing::Test {
 protected:
  void move_to(const std::string& endpoint) {
    const auto user = user_id(2);
    const domain::UserChanged event{
        .user = user, .first_name = {}, .last_name = {}, .email = {}, .message_endpoint = {{endpoint}}};
    const auto key = storage->codec().keys().key_of(user).value();
    ASSERT_TRUE(storage->journal().append_and_wait(storage::testing::commit_of(
        storage::stream_of(user), storage->journal().version_of(storage::stream_of(user)),
        {storage::EventCodec::encode(domain::UserEvent{event}, key)})));
  }

  void request(const std::string& endpoint) {
    auto event = storage::testing::registered(2, "client");
    event.message_endpoint = {endpoint};
    auto key = storage->new_user_key(event.user);
    auto registration = storage::testing::commit_of(
        storage::stream_of(event.user), 0, {storage::EventCodec::encode(domain::UserEvent{event}, key.key)});
    registration.secrets.push_back(std::move(key.secret));
    ASSERT_TRUE(storage->journal().append_and_wait(std::move(registration)));
    const domain::NotificationRequested requested{{.receiver = user_id(2),
                                                   .kind = domain::NotificationKind::update_round_start,
                                                   .training = training_id(1),
                                                   .model = model_id(1),
                                                   .round = 3}};
    ASSERT_TRUE(storage->journal().append_and_wait(
        storage::testing::commit_of(storage::stream_of(training_id(1)), 0,
                                    {storage::EventCodec::encode(domain::TrainingEvent{facts()}),
                                     storage::EventCodec::encode(domain::TrainingEvent{requested})})));
  }

  Notifier::Settlement settlement() {
    Notifier notifier{storage->views(),
                      {.retry = {.first = milliseconds{1}, .max = milliseconds{1}, .span = milliseconds{0}},
                       .concurrency = 1,
                       .permits = permits},
                      [this](const Notifier::Settlement& made, const std::function<void()>& recorded) {
                        settled.change([&](auto& value) { value = made; });
                        recorded();
                      }};
    notifier.start();
    return settled.wait([](const auto& value) { return value.has_value(); }).value_or(Notifier::Settlement{});
  }

  TemporaryFolder folder;
  std::unique_ptr<storage::Storage> storage = storage::open_memory_storage(folder.path());
  Webhook::Permits permits;
  Watched<std::optional<Notifier::Settlement>> settled;
};

TEST_F(NotificationsOverHttp, ArePostedAsJsonWithTheirId) {
  Receiver receiver;
  request(receiver.url("/hook?client=2"));
  const auto made = settlement();
  EXPECT_EQ(made.outcome, domain::DeliveryOutcome::delivered);
  EXPECT_EQ(made.status, 200);
  const auto calls = receiver.calls();
  ASSERT_THAT(calls, SizeIs(1));
  EXPECT_EQ(calls[0].target, "/hook?client=2");
  EXPECT_EQ(calls[0].content_type, "application/json");
  EXPECT_EQ(calls[0].delivery, made.row.id.text());
  EXPECT_EQ(calls[0].body.dump(), nlohmann::json::parse(body_of(made.row.notification)).dump());
}

TEST_F(NotificationsOverHttp, HaveAnUnreachableReceiverWhereNobodyListens) {
  std::string url;
  {
    url = Receiver{}.url("/gone");
  }
  request(url);
  EXPECT_EQ(settlement().outcome, domain::DeliveryOutcome::unreachable);
}

TEST_F(NotificationsOverHttp, AreDeliveredWithoutReadingAnEndlessAnswer) {
  Receiver receiver;
  receiver.answer_without_end();
  request(receiver.url("/"));
  EXPECT_EQ(settlement().outcome, domain::DeliveryOutcome::delivered);
}

TEST_F(NotificationsOverHttp, HaveAnUnreachableReceiverInADeniedNetwork) {
  Receiver receiver;
  permits = [](const IpAddress&) { return false; };
  request(receiver.url("/"));
  const auto made = settlement();
  EXPECT_EQ(made.outcome, domain::DeliveryOutcome::unreachable);
  EXPECT_EQ(made.detail, "its address is in a network that this server may not post to");
}

TEST_F(NotificationsOverHttp, DoNotFollowRedirections) {
  Receiver receiver;
  receiver.set_status(302);
  request(receiver.url("/"));
  const auto made = settlement();
  EXPECT_EQ(made.outcome, domain::DeliveryOutcome::refused);
  EXPECT_THAT(receiver.calls(), SizeIs(1));
}

TEST_F(NotificationsOverHttp, ThatAreUnderWayDoNotHoldUpTheEnd) {
  RawReceiver receiver{"HTTP/1.1 200 OK\r\n", {}};
  request("http://127.0.0.1:" + std::to_string(receiver.endpoint().port) + "/");
  {
    Notifier notifier{storage->views(),
                      {.read_timeout = std::chrono::hours{1}, .total_timeout = std::chrono::hours{1}},
                      [this](const Notifier::Settlement& made, const std::function<void()>&) {
                        settled.change([&](auto& value) { value = made; });
                      }};
    notifier.start();
    receiver.wait_for_a_connection();
  }
  EXPECT_FALSE(settled.value().has_value()) << "the next start delivers it";
}

TEST_F(NotificationsOverHttp, AreCutOffWhereTheReceiverIsNoMore) {
  RawReceiver old_one{"HTTP/1.1 200 OK\r\n", {}};
  Receiver new_one;
  request("http://127.0.0.1:" + std::to_string(old_one.endpoint().port) + "/");
  Notifier notifier{storage->views(),
                    {.read_timeout = std::chrono::hours{1}, .total_timeout = std::chrono::hours{1}},
                    [this](const Notifier::Settlement& made, const std::function<void()>&) {
                      settled.change([&](auto& value) { value = made; });
                    }};
  notifier.start();
  old_one.wait_for_a_connection();
  move_to(new_one.url("/"));
  notifier.endpoint_changed(user_id(2));
  const auto made = settled.wait([](const auto& value) { return value.has_value(); });
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(made->outcome, domain::DeliveryOutcome::delivered);
  EXPECT_THAT(new_one.calls(), SizeIs(1));
}

}  // namespace
}  // namespace fedlog::actors
