#include "http/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace fedlog::http {
namespace {

using Kind = WorkerPool::Kind;

TEST(WorkerPool, StartsThreadsOnlyAsJobsNeedThemAndNoMoreThanItsLimit) {
  WorkerPool pool{3, 1};
  EXPECT_EQ(pool.threads(), 0U);
  std::latch started{3};
  std::latch release{1};
  std::atomic<int> done = 0;
  for (int job = 0; job < 10; ++job) {
    ASSERT_TRUE(pool.submit("here", Kind::quick, [&, job] {
      if (job < 3) started.count_down();
      release.wait();
      ++done;
    }));
  }
  started.wait();
  EXPECT_EQ(pool.threads(), 3U);
  release.count_down();
  pool.stop();
  EXPECT_EQ(done, 10);
}

TEST(WorkerPool, TakesNoJobsAfterItStopped) {
  WorkerPool pool{1, 1};
  pool.stop();
  EXPECT_FALSE(pool.submit("here", Kind::quick, [] {}));
}

TEST(WorkerPool, KeepsThreadsForQuickJobsWhilePatientOnesWait) {
  WorkerPool pool{3, 2};
  std::latch release{1};
  std::latch quick_done{100};
  std::atomic<int> patient_started = 0;
  for (int job = 0; job < 10; ++job) {
    ASSERT_TRUE(pool.submit(std::to_string(job), Kind::patient, [&] {
      ++patient_started;
      release.wait();
    }));
  }
  for (int job = 0; job < 100; ++job) {
    ASSERT_TRUE(pool.submit("here", Kind::quick, [&] { quick_done.count_down(); }));
  }
  quick_done.wait();
  EXPECT_LE(patient_started, 2);
  release.count_down();
  pool.stop();
  EXPECT_EQ(patient_started, 10);
}

TEST(WorkerPool, LetsOneOriginOccupyHalfOfThePatientThreads) {
  WorkerPool pool{10, 4};
  std::latch release{1};
  std::latch greedy_started{2};
  std::latch other_started{2};
  std::atomic<int> greedy = 0;
  for (int job = 0; job < 10; ++job) {
    ASSERT_TRUE(pool.submit("greedy", Kind::patient, [&] {
      if (++greedy <= 2) greedy_started.count_down();
      release.wait();
    }));
  }
  greedy_started.wait();
  for (int job = 0; job < 2; ++job) {
    ASSERT_TRUE(pool.submit("other", Kind::patient, [&] {
      other_started.count_down();
      release.wait();
    }));
  }
  other_started.wait();
  EXPECT_EQ(greedy, 2);
  release.count_down();
  pool.stop();
  EXPECT_EQ(greedy, 10);
}

}  // namespace
}  // namespace fedlog::http
