#include "ml/on_threads.h"

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <new>

namespace fedlog::ml {
namespace {

using Done = std::expected<void, FileError>;

TEST(OnThreads, DoesEachPieceOnce) {
  for (const unsigned threads : {1U, 3U}) {
    std::vector<std::atomic<int>> done(100);
    const auto outcome = on_threads(threads, done.size(), [&] {
      return [&](std::size_t i) -> Done {
        ++done[i];
        return {};
      };
    });
    EXPECT_TRUE(outcome.has_value());
    for (const auto& times : done) EXPECT_EQ(times, 1);
  }
}

TEST(OnThreads, EndsWithTheFirstError) {
  std::atomic<std::size_t> calls = 0;
  const auto outcome = on_threads(2, 1'000'000, [&] {
    return [&](std::size_t) -> Done {
      ++calls;
      return file_error(FileErrorCode::io, "broken");
    };
  });
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().message, "broken");
  EXPECT_LE(calls, 2U);
}

TEST(OnThreads, ThrowsInTheCallerWhatWasThrownInAnyThread) {
  const auto caller = std::this_thread::get_id();
  std::atomic<bool> thrown = false;
  const auto run = [&] {
    return on_threads(2, 1'000'000'000, [&] {
      return [&](std::size_t) -> Done {
        if (std::this_thread::get_id() == caller) {
          // Leaves the pieces to the other thread, which would end the program.
          thrown.wait(false);
          return {};
        }
        thrown = true;
        thrown.notify_all();
        throw std::bad_alloc();
      };
    });
  };
  EXPECT_THROW(static_cast<void>(run()), std::bad_alloc);
}

TEST(OnThreads, ThrowsWhatTheMakingOfAThreadsWorkThrows) {
  const auto run = [&] {
    return on_threads(2, 10, [&]() -> std::function<Done(std::size_t)> { throw std::bad_alloc(); });
  };
  EXPECT_THROW(static_cast<void>(run()), std::bad_alloc);
}

}  // namespace
}  // namespace fedlog::ml
