#include <gtest/gtest.h>

#include "tests/ml/execution/fake_workers.h"

// Who waits for a worker, for how long, and who does not; with workers that are busy on demand.
namespace fedlog::actors {
namespace {

using namespace testing;

TEST(WorkerPool, RejectsWhatDoesNotFitIntoTheQueue) {
  auto options = fake_workers();
  options.queue.all = 1;
  std::future<Outputs> running;
  std::future<Outputs> waiting;
  {
    WorkerPool pool(options);
    running = std::async(std::launch::async, [&] { return pool.run(behave("hang")); });
    until([&] { return pool.counters().workers == 1; });
    waiting = std::async(std::launch::async, [&] { return pool.run(behave("echo")); });
    until([&] { return pool.counters().waiting == 1; });
    const auto rejected = pool.run(behave("echo"));
    EXPECT_EQ(error_code(rejected), ExecutionErrorCode::busy);
    EXPECT_EQ(pool.counters().rejected, 1U);
  }
  // The end of the pool ended both, long before their deadlines.
  EXPECT_EQ(error_code(running.get()), ExecutionErrorCode::busy);
  EXPECT_EQ(error_code(waiting.get()), ExecutionErrorCode::busy);
}

TEST(WorkerPool, LetsNeitherOneCallerNorOneModelTakeTheWholeQueue) {
  auto options = fake_workers();
  options.queue.per_caller = 1;
  options.queue.per_model = 2;
  std::vector<std::future<Outputs>> requests;
  {
    WorkerPool pool(options);
    const auto start = [&](const ExecutionRequest& request) {
      requests.push_back(std::async(std::launch::async, [&pool, request] { return pool.run(request); }));
    };
    start(behave("hang", "ada", "digits"));
    until([&] { return pool.counters().workers == 1; });
    start(behave("echo", "ada", "digits"));
    until([&] { return pool.counters().waiting == 1; });
    EXPECT_EQ(error_code(pool.run(behave("echo", "ada", "letters"))), ExecutionErrorCode::caller_busy);
    start(behave("echo", "bob", "digits"));
    until([&] { return pool.counters().waiting == 2; });
    EXPECT_EQ(error_code(pool.run(behave("echo", "eve", "digits"))), ExecutionErrorCode::busy);
    // Others still may wait, and so may what has no name.
    start(behave("echo", "eve", "letters"));
    start(behave("echo"));
    until([&] { return pool.counters().waiting == 4; });
    EXPECT_EQ(pool.counters().rejected, 2U);
  }
  for (auto& request : requests) EXPECT_EQ(error_code(request.get()), ExecutionErrorCode::busy);
}

TEST(WorkerPool, GivesOthersTheirTurnBesideOneCallersEndlessRequests) {
  auto options = fake_workers();
  options.process.deadline_ms = 400;
  std::vector<std::future<Outputs>> endless;
  {
    WorkerPool pool(options);
    for (std::size_t number = 0; number < 5; ++number) {
      endless.push_back(
          std::async(std::launch::async, [&] { return pool.run(behave("hang", "ada", "endless")); }));
      until([&] {
        const auto counters = pool.counters();
        return counters.started > 0 && counters.waiting + counters.lost >= number;
      });
    }
    EXPECT_TRUE(pool.run(behave("echo", "bob", "quick")));
    // At once after the one that was running, or the next if that was just over: not behind all of them.
    EXPECT_LE(pool.counters().lost, 2U);
    EXPECT_GT(pool.counters().waiting, 0U);
  }
  for (auto& request : endless) EXPECT_FALSE(request.get());
}

TEST(WorkerPool, CountsTheTimeOfARequestFromItsTurn) {
  auto options = fake_workers();
  options.process.deadline_ms = 100;
  WorkerPool pool(options);
  auto first = std::async(std::launch::async, [&] { return pool.run(behave("hang", "ada", "endless")); });
  until([&] { return pool.counters().workers == 1; });
  // Waits for nearly as long as a request may take, and then has all of that time itself.
  EXPECT_EQ(error_code(pool.run(behave("hang", "bob", "endless"))), ExecutionErrorCode::deadline_exceeded);
  EXPECT_EQ(error_code(first.get()), ExecutionErrorCode::deadline_exceeded);
}

// Two requests of ada's that never end, until both run or one must wait.
void ask_endlessly(WorkerPool& pool, std::vector<std::future<Outputs>>& endless) {
  for (int number = 0; number < 2; ++number) {
    endless.push_back(
        std::async(std::launch::async, [&] { return pool.run(behave("hang", "ada", "endless")); }));
  }
  until([&] { return pool.counters().workers == 2 || pool.counters().waiting == 1; });
}

TEST(WorkerPool, NeverGivesAllWorkersToCallersThatRanIntoTheDeadline) {
  auto options = fake_workers();
  options.slots = 2;
  options.process.deadline_ms = 300;
  std::vector<std::future<Outputs>> endless;
  {
    WorkerPool pool(options);
    ASSERT_EQ(error_code(pool.run(behave("hang", "ada", "endless"))), ExecutionErrorCode::deadline_exceeded);
    ask_endlessly(pool, endless);
    EXPECT_EQ(pool.counters().waiting, 1U);
    EXPECT_TRUE(pool.run(behave("echo", "bob", "quick"))) << "one worker is left";
  }
  for (auto& request : endless) EXPECT_FALSE(request.get());
}

TEST(WorkerPool, ForgetsThatACallerWasSlowOnceItIsNot) {
  auto options = fake_workers();
  options.slots = 2;
  options.process.deadline_ms = 300;
  std::vector<std::future<Outputs>> endless;
  {
    WorkerPool pool(options);
    ASSERT_EQ(error_code(pool.run(behave("hang", "ada", "endless"))), ExecutionErrorCode::deadline_exceeded);
    ASSERT_TRUE(pool.run(behave("echo", "ada", "quick")));
    ask_endlessly(pool, endless);
    EXPECT_EQ(pool.counters().workers, 2U);
  }
  for (auto& request : endless) EXPECT_FALSE(request.get());
}

TEST(WorkerPool, ServesManyCallersWithFewWorkers) {
  auto options = fake_workers();
  options.slots = 2;
  WorkerPool pool(options);
  std::vector<std::future<int>> callers;
  for (int caller = 0; caller < 6; ++caller) {
    callers.push_back(std::async(std::launch::async, [&] {
      int answered = 0;
      for (int request = 0; request < 20; ++request)
        answered += pool.run(behave("process id")).has_value() ? 1 : 0;
      return answered;
    }));
  }
  for (auto& caller : callers) EXPECT_EQ(caller.get(), 20);
  EXPECT_LE(pool.counters().started, 2U);
}

TEST(WorkerPool, TellsWhoLosesItsPlaceToAnother) {
  auto options = fake_workers();
  options.queue.all = 2;
  std::vector<std::future<Outputs>> adas;
  std::future<Outputs> bobs;
  {
    WorkerPool pool(options);
    adas.push_back(
        std::async(std::launch::async, [&] { return pool.run(behave("hang", "ada", "endless")); }));
    until([&] { return pool.counters().workers == 1; });
    for (std::size_t number = 1; number <= 2; ++number) {
      adas.push_back(
          std::async(std::launch::async, [&] { return pool.run(behave("hang", "ada", "endless")); }));
      until([&] { return pool.counters().waiting == number; });
    }
    bobs = std::async(std::launch::async, [&] { return pool.run(behave("echo", "bob", "quick")); });
    const auto displaced = adas.back().get();
    EXPECT_EQ(error_code(displaced), ExecutionErrorCode::busy);
    EXPECT_NE(displaced.error().message.find("you had the most requests"), std::string::npos);
    EXPECT_EQ(pool.counters().waiting, 2U);
    EXPECT_EQ(pool.counters().rejected, 1U);
    adas.pop_back();
  }
  EXPECT_FALSE(bobs.get());
  for (auto& request : adas) EXPECT_FALSE(request.get());
}

TEST(WorkerPool, IsDoneSoonOnceItIsStopped) {
  auto options = fake_workers();
  options.process.deadline_ms = 3'600'000;
  WorkerPool pool(options);
  auto running = std::async(std::launch::async, [&] { return pool.run(behave("hang")); });
  until([&] { return pool.counters().workers == 1; });
  auto waiting = std::async(std::launch::async, [&] { return pool.run(behave("echo")); });
  until([&] { return pool.counters().waiting == 1; });
  pool.stop();
  EXPECT_EQ(error_code(running.get()), ExecutionErrorCode::busy);
  EXPECT_EQ(error_code(waiting.get()), ExecutionErrorCode::busy);
  EXPECT_EQ(error_code(pool.run(behave("echo"))), ExecutionErrorCode::busy);
}

}  // namespace
}  // namespace fedlog::actors
