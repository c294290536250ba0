#include "http/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

namespace fedlog::http {
namespace {

TEST(WorkerPool, StartsThreadsOnlyAsJobsNeedThemAndNoMoreThanItsLimit) {
  WorkerPool pool{3};
  EXPECT_EQ(pool.threads(), 0U);
  std::latch started{3};
  std::latch release{1};
  std::atomic<int> done = 0;
  for (int job = 0; job < 10; ++job) {
    ASSERT_TRUE(pool.submit([&, job] {
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
  WorkerPool pool{1};
  pool.stop();
  EXPECT_FALSE(pool.submit([] {}));
}

}  // namespace
}  // namespace fedlog::http
