#include "domain/rate_limits.h"

#include <gtest/gtest.h>

namespace fedlog::domain {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr seconds now{0};

class Limited : public ::testing::Test {
 protected:
  int taken_at_once(std::string_view key) {
    int count = 0;
    while (count < 1000 && limits.take(key, time) == now) ++count;
    return count;
  }

  RateLimits limits{30, 3};
  RateLimits::Time time{hours{1}};
};

TEST_F(Limited, IsWhoeverTookAllThatAMinuteAllows) {
  EXPECT_EQ(taken_at_once("a"), 30);
  EXPECT_GT(limits.wait("a", time), now);
  EXPECT_EQ(limits.wait("b", time), now) << "and nobody else";
  EXPECT_EQ(taken_at_once("b"), 30);
}

TEST_F(Limited, IsToldWhenTheNextIsAllowed) {
  taken_at_once("a");
  EXPECT_EQ(limits.take("a", time), seconds{2});
  time += milliseconds{500};
  EXPECT_EQ(limits.take("a", time), seconds{2}) << "rounded up";
  time += seconds{1};
  EXPECT_EQ(limits.take("a", time), seconds{1});
  time += milliseconds{500};
  EXPECT_EQ(limits.take("a", time), now);
  EXPECT_EQ(limits.take("a", time), seconds{2});
}

TEST_F(Limited, WaitsNoLongerForHavingAskedInVain) {
  taken_at_once("a");
  for (int time_in_vain = 0; time_in_vain < 100; ++time_in_vain) {
    EXPECT_EQ(limits.take("a", time), seconds{2});
  }
}

TEST_F(Limited, HasAsMuchAsBeforeAfterAMinute) {
  taken_at_once("a");
  time += hours{24};
  EXPECT_EQ(taken_at_once("a"), 30) << "and no more, however long it was quiet";
  time += minutes{1};
  EXPECT_EQ(taken_at_once("a"), 30);
}

TEST_F(Limited, IsNobodyByAskingHowLongToWait) {
  for (int question = 0; question < 100; ++question) EXPECT_EQ(limits.wait("a", time), now);
  EXPECT_EQ(limits.keys(), 0U);
}

TEST_F(Limited, IsNobodyWithoutALimit) {
  RateLimits none{0, 3};
  for (int time_taken = 0; time_taken < 1000; ++time_taken) EXPECT_EQ(none.take("a", time), now);
  EXPECT_EQ(none.wait("a", time), now);
  EXPECT_EQ(none.keys(), 0U);
}

TEST_F(Limited, AreOnlySoManyKeysAndTheLongestUnusedIsForgotten) {
  for (const auto* key : {"a", "b", "c"}) taken_at_once(key);
  EXPECT_GT(limits.take("a", time), now) << "used again: b is the longest unused now";
  taken_at_once("d");
  EXPECT_EQ(limits.keys(), 3U);
  EXPECT_GT(limits.wait("a", time), now);
  EXPECT_EQ(limits.wait("b", time), now);
  EXPECT_GT(limits.wait("c", time), now);
}

TEST_F(Limited, IsNotFreedByAClockThatSeemsToGoBack) {
  taken_at_once("a");
  EXPECT_GT(limits.take("a", time - minutes{5}), now);
  EXPECT_EQ(limits.take("a", time), seconds{2});
}

TEST(Throttled, SpeaksAsTheRestFrameworkDoes) {
  EXPECT_EQ(throttled(seconds{17}).message, "Request was throttled. Expected available in 17 seconds.");
  EXPECT_EQ(throttled(seconds{1}).message, "Request was throttled. Expected available in 1 second.");
  EXPECT_EQ(throttled(seconds{17}).retry_after_s, 17);
  EXPECT_EQ(throttled(seconds{17}).reason, Reason::throttled);
}

}  // namespace
}  // namespace fedlog::domain
