#include "actors/pings.h"

#include <gtest/gtest.h>

#include "storage/data_folder.h"
#include "tests/storage/examples.h"
#include "tests/temporary_folder.h"

namespace fedlog::actors {
namespace {

using domain::Reason;
using storage::testing::user_id;

class PingsTest : public ::testing::Test {
 protected:
  PingsTest() {
    for (const std::uint8_t number : {1, 2}) {
      EXPECT_TRUE(storage->journal().append_and_wait(
          storage::testing::registration(*storage, number, "user" + std::to_string(number))));
    }
    auto polled = storage::testing::registered(3, "user3");
    polled.message_endpoint = {"poll:"};
    auto key = storage->new_user_key(polled.user);
    auto commit =
        storage::testing::commit_of(storage::stream_of(polled.user), 0,
                                    {storage::EventCodec::encode(domain::UserEvent{polled}, key.key)});
    commit.secrets.push_back(std::move(key.secret));
    EXPECT_TRUE(storage->journal().append_and_wait(std::move(commit)));
  }

  Result<PingAnswer> ping(std::uint8_t caller, std::uint8_t user, bool superuser = false) {
    return pings.ping({.id = user_id(caller), .superuser = superuser}, user_id(user));
  }

  TemporaryFolder folder;
  std::unique_ptr<storage::Storage> storage = storage::open_memory_storage(folder.path());
  std::vector<std::string> posted;
  domain::RateLimits::Time now{std::chrono::hours{1}};
  Pings pings{storage->views(),
              [this](const domain::User& user) -> Result<PingAnswer> {
                posted.push_back(user.message_endpoint.text);
                return PingAnswer{.status = 204, .duration_ms = 7, .problem = {}};
              },
              [this] { return now; }};
};

TEST_F(PingsTest, TryTheCallersEndpoint) {
  const auto answer = ping(1, 1);
  ASSERT_TRUE(answer.has_value()) << answer.error().message;
  EXPECT_EQ(answer->status, 204);
  EXPECT_EQ(answer->duration_ms, 7);
  EXPECT_EQ(posted, std::vector<std::string>{"http://user1.example.org:8080"});
}

TEST_F(PingsTest, TryAnothersEndpointForSuperusersOnly) {
  EXPECT_EQ(ping(2, 1).error().reason, Reason::permission_denied);
  EXPECT_TRUE(posted.empty());
  EXPECT_TRUE(ping(2, 1, true).has_value());
  EXPECT_EQ(ping(2, 9, true).error().reason, Reason::user_not_found);
}

TEST_F(PingsTest, SayThatNothingIsPostedToWhoAsks) {
  const auto answer = ping(3, 3);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->status, std::nullopt);
  EXPECT_EQ(answer->duration_ms, std::nullopt);
  EXPECT_NE(answer->problem.find("Nothing is posted"), std::string::npos);
  EXPECT_TRUE(posted.empty());
}

TEST_F(PingsTest, AreRationedByCaller) {
  for (std::int64_t count = 0; count < Pings::per_minute; ++count) ASSERT_TRUE(ping(1, 1).has_value());
  const auto refused = ping(1, 1);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().reason, Reason::throttled);
  EXPECT_EQ(refused.error().retry_after_s, 10);
  EXPECT_TRUE(ping(2, 2).has_value()) << "another caller has its own";
  now += std::chrono::seconds{10};
  EXPECT_TRUE(ping(1, 1).has_value());
  EXPECT_EQ(posted.size(), Pings::per_minute + 2U);
}

}  // namespace
}  // namespace fedlog::actors
