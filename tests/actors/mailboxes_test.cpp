#include "actors/mailboxes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/data_folder.h"
#include "tests/actors/trainings.h"
#include "tests/temporary_folder.h"

namespace fedlog::actors {
namespace {

using namespace testing;
using domain::NotificationKind;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

// Users 2 and 3 ask for their notifications; to user 4 they are posted.
class MailboxesTest : public ::testing::Test {
 protected:
  MailboxesTest() {
    add_user(1, "http://one.example.org/");
    add_user(2, "poll:");
    add_user(3, "");
    add_user(4, "http://four.example.org/");
    EXPECT_TRUE(storage->journal().append_and_wait(storage::testing::upload(1)));
    append({facts()});
  }

  void add_user(std::uint8_t number, const std::string& endpoint) {
    auto event = storage::testing::registered(number, "user" + std::to_string(number));
    event.message_endpoint = {endpoint};
    auto key = storage->new_user_key(event.user);
    auto commit = storage::testing::commit_of(
        storage::stream_of(event.user), 0, {storage::EventCodec::encode(domain::UserEvent{event}, key.key)});
    commit.secrets.push_back(std::move(key.secret));
    EXPECT_TRUE(storage->journal().append_and_wait(std::move(commit)));
  }

  std::uint64_t append(const std::vector<domain::TrainingEvent>& events) {
    const auto stream = storage::stream_of(training_id(1));
    std::vector<storage::NewEvent> encoded;
    for (const auto& event : events) encoded.push_back(storage::EventCodec::encode(event));
    const auto committed = storage->journal().append_and_wait(
        storage::testing::commit_of(stream, storage->journal().version_of(stream), std::move(encoded)));
    return committed.value().back().position;
  }

  // The position of the notification, or of the last of several.
  std::uint64_t notify(std::uint8_t receiver, std::size_t count = 1) {
    return append(std::vector<domain::TrainingEvent>(
        count, domain::NotificationRequested{{.receiver = user_id(receiver),
                                              .kind = NotificationKind::training_start,
                                              .training = training_id(1),
                                              .model = model_id(1),
                                              .round = {}}}));
  }

  std::vector<std::uint64_t> positions(std::uint8_t receiver, std::uint64_t after) {
    std::vector<std::uint64_t> found;
    const auto rows = mailboxes.notifications(user_id(receiver), after).value();
    for (const auto& row : rows) {
      found.push_back(row.position);
    }
    return found;
  }

  // Counts the news that a wait brings.
  static void count_news(NotificationWait& wait, int& news) {
    wait.listen([&news] { ++news; });
  }

  TemporaryFolder folder;
  std::unique_ptr<storage::Storage> storage = storage::open_memory_storage(folder.path());
  std::vector<std::pair<domain::UserId, std::uint64_t>> fetched;
  Mailboxes mailboxes{
      *storage, 20, [this](domain::UserId user, std::uint64_t up_to) { fetched.emplace_back(user, up_to); }};
};

TEST_F(MailboxesTest, GiveAReceiverWhatCameAfterItsCursor) {
  const auto first = notify(2);
  const auto second = notify(2);
  notify(3);
  EXPECT_THAT(positions(2, 0), ElementsAre(first, second));
  EXPECT_THAT(positions(2, first), ElementsAre(second));
  EXPECT_THAT(positions(2, second), IsEmpty());
}

TEST_F(MailboxesTest, GiveOnePageAtATime) {
  const auto last = notify(2, Mailboxes::page_rows + 1);
  const auto page = positions(2, 0);
  EXPECT_THAT(page, SizeIs(Mailboxes::page_rows));
  EXPECT_THAT(positions(2, page.back()), ElementsAre(last));
}

TEST_F(MailboxesTest, RefuseACursorFromTheFuture) {
  const auto last = notify(2);
  EXPECT_TRUE(mailboxes.notifications(user_id(2), last).has_value());
  const auto refused = mailboxes.notifications(user_id(2), last + 1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().reason, domain::Reason::invalid_field);
  EXPECT_EQ(refused.error().field, "after");
  EXPECT_THAT(fetched, SizeIs(1)) << "what is refused acknowledges nothing";
}

TEST_F(MailboxesTest, TellUpToWhereAReceiverHasItsNotifications) {
  const auto first = notify(2);
  const auto second = notify(2);
  positions(2, first);
  positions(2, second);
  EXPECT_THAT(fetched,
              ElementsAre(Pair(user_id(2), first), Pair(user_id(2), second), Pair(user_id(2), second)));
}

TEST_F(MailboxesTest, AcknowledgeNothingForWhoHasAnEndpoint) {
  const auto position = notify(4);
  EXPECT_THAT(positions(4, 0), ElementsAre(position));
  positions(4, position);
  EXPECT_THAT(fetched, IsEmpty()) << "it is posted all the same";
}

TEST_F(MailboxesTest, TellWhoWaitsOnceWhenSomethingComes) {
  notify(2);
  int news = 0;
  const auto wait = mailboxes.wait(user_id(2));
  count_news(*wait, news);
  mailboxes.outbox_grew();
  EXPECT_EQ(news, 0) << "what was there before is for the waiting one to look for";
  notify(3);
  mailboxes.outbox_grew();
  EXPECT_EQ(news, 0) << "it is another's";
  notify(2);
  EXPECT_EQ(news, 0);
  mailboxes.outbox_grew();
  EXPECT_EQ(news, 1);
  notify(2);
  mailboxes.outbox_grew();
  EXPECT_EQ(news, 1);
}

TEST_F(MailboxesTest, TellAtOnceWhatCameBeforeAnybodyListened) {
  const auto wait = mailboxes.wait(user_id(2));
  notify(2);
  mailboxes.outbox_grew();
  int news = 0;
  count_news(*wait, news);
  EXPECT_EQ(news, 1);
}

TEST_F(MailboxesTest, TellEveryoneWhoWaitsForTheSameUser) {
  int news = 0;
  const auto one = mailboxes.wait(user_id(2));
  const auto another = mailboxes.wait(user_id(2));
  count_news(*one, news);
  count_news(*another, news);
  notify(2);
  mailboxes.outbox_grew();
  EXPECT_EQ(news, 2);
}

TEST_F(MailboxesTest, TellNobodyWhoIsGone) {
  int news = 0;
  auto wait = mailboxes.wait(user_id(2));
  count_news(*wait, news);
  wait.reset();
  notify(2);
  mailboxes.outbox_grew();
  EXPECT_EQ(news, 0);
  wait = mailboxes.wait(user_id(2));
  count_news(*wait, news);
  mailboxes.outbox_grew();
  EXPECT_EQ(news, 0) << "it came before this wait";
}

TEST_F(MailboxesTest, ReadMoreRowsThanAPage) {
  int news = 0;
  const auto wait = mailboxes.wait(user_id(2));
  count_news(*wait, news);
  notify(3, 600);
  notify(2);
  mailboxes.outbox_grew();
  EXPECT_EQ(news, 1);
}

TEST_F(MailboxesTest, LetOnlySoManyWait) {
  std::vector<std::unique_ptr<NotificationWait>> waits;
  for (std::size_t count = 0; count < Mailboxes::waits_per_user_max; ++count) {
    waits.push_back(mailboxes.wait(user_id(2)));
    ASSERT_NE(waits.back(), nullptr);
  }
  EXPECT_EQ(mailboxes.wait(user_id(2)), nullptr) << "so many of one user";
  for (std::size_t count = 0; count < Mailboxes::waits_per_user_max; ++count) {
    waits.push_back(mailboxes.wait(user_id(3)));
  }
  while (waits.size() < 20) waits.push_back(mailboxes.wait(user_id(4)));
  EXPECT_EQ(mailboxes.wait(user_id(1)), nullptr) << "so many of all";
  waits.pop_back();
  EXPECT_NE(mailboxes.wait(user_id(1)), nullptr);
}

}  // namespace
}  // namespace fedlog::actors
