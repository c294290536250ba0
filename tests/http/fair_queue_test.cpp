#include "http/fair_queue.h"

#include <gtest/gtest.h>

#include <string>

namespace fedlog::http {
namespace {

class FairQueueTest : public ::testing::Test {
 protected:
  void push(const std::string& origin, const std::string& name) {
    queue_.push(origin, [this, name] { done_ += name; });
  }
  std::string run_all(const std::string& but_not = "") {
    while (const auto entry = queue_.pop([&](const std::string& origin) { return origin != but_not; })) {
      entry->job();
    }
    return std::exchange(done_, "");
  }

  FairQueue queue_;
  std::string done_;
};

TEST_F(FairQueueTest, KeepsTheOrderOfOneOrigin) {
  for (const auto* name : {"1", "2", "3"}) push("a", name);
  EXPECT_EQ(queue_.size(), 3U);
  EXPECT_EQ(run_all(), "123");
  EXPECT_EQ(queue_.size(), 0U);
}

TEST_F(FairQueueTest, LetsOriginsTakeTurnsHoweverManyJobsTheyHave) {
  for (int job = 0; job < 100; ++job) push("greedy", "g");
  push("a", "A");
  push("b", "B");
  push("a", "A");
  EXPECT_EQ(run_all(), "gABgA" + std::string(98, 'g'));
}

TEST_F(FairQueueTest, PassesOverThoseThatMayNotRunNow) {
  push("held", "h");
  push("a", "A");
  EXPECT_EQ(run_all("held"), "A");
  EXPECT_EQ(run_all(), "h");
}

}  // namespace
}  // namespace fedlog::http
