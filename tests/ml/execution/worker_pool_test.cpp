#include "actors/worker_pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <future>

// The pool and its processes, against a worker that misbehaves on demand (fake_model_worker.cpp).
namespace fedlog::actors {
namespace {

using namespace std::chrono_literals;

WorkerPoolOptions fake_workers() {
  WorkerPoolOptions options;
  options.process.worker_path = FEDLOG_FAKE_MODEL_WORKER;
  options.slots = 1;
  return options;
}

ExecutionRequest behave(std::string behaviour) {
  ExecutionRequest request;
  request.models = {{.id = std::move(behaviour), .path = "/dev/null"}};
  return request;
}

std::int64_t number(const std::expected<std::vector<ml::Tensor>, ExecutionError>& outputs) {
  if (!outputs || outputs->size() != 1 || outputs->front().bytes.size() != sizeof(std::int64_t)) return -1;
  std::int64_t value = 0;
  std::memcpy(&value, outputs->front().bytes.data(), sizeof value);
  return value;
}

ExecutionErrorCode error_code(const std::expected<std::vector<ml::Tensor>, ExecutionError>& outputs) {
  return outputs ? ExecutionErrorCode{} : outputs.error().code;
}

TEST(WorkerPool, BringsInputsToTheWorkerAndOutputsBack) {
  WorkerPool pool(fake_workers());
  auto request = behave("echo");
  request.inputs = {
      {.dtype = ml::DType::uint8, .shape = {3}, .bytes = std::vector<std::byte>(3, std::byte{7})},
      {.dtype = ml::DType::uint8,
       .shape = {1 << 20},
       .bytes = std::vector<std::byte>(1 << 20, std::byte{9})}};
  const auto outputs = pool.run(request);
  ASSERT_TRUE(outputs) << outputs.error().message;
  ASSERT_EQ(outputs->size(), 2U);
  EXPECT_EQ(outputs->at(0).bytes, request.inputs[0].bytes);
  EXPECT_EQ(outputs->at(1).bytes, request.inputs[1].bytes);
}

TEST(WorkerPool, KeepsAWorkerForTheNextRequest) {
  WorkerPool pool(fake_workers());
  EXPECT_EQ(pool.counters().workers, 0U) << "started on demand";
  const auto first = number(pool.run(behave("process id")));
  EXPECT_GT(first, 0);
  EXPECT_EQ(number(pool.run(behave("process id"))), first);
  EXPECT_EQ(pool.counters().started, 1U);
}

TEST(WorkerPool, GivesTheWorkerNothingOfTheServersButItsTwoDescriptors) {
  WorkerPool pool(fake_workers());
  ::setenv("FEDLOG_TEST_SECRET", "secret", 1);
  const std::ifstream inheritable("/dev/null");
  EXPECT_EQ(number(pool.run(behave("environment"))), 3);
  // Standard streams, socket, memory, and the model of the request itself.
  EXPECT_EQ(number(pool.run(behave("descriptors"))), 6);
}

// As much memory as there is now, and a little more.
class ScarceMemory {
 public:
  explicit ScarceMemory(std::size_t left_bytes) {
    ::getrlimit(RLIMIT_AS, &usual_);
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const auto size_bytes = pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const rlimit scarce{.rlim_cur = size_bytes + left_bytes, .rlim_max = usual_.rlim_max};
    ::setrlimit(RLIMIT_AS, &scarce);
  }
  ~ScarceMemory() { ::setrlimit(RLIMIT_AS, &usual_); }
  ScarceMemory(const ScarceMemory&) = delete;
  ScarceMemory& operator=(const ScarceMemory&) = delete;

 private:
  rlimit usual_{};
};

TEST(WorkerPool, LosesNoSlotToARequestThatRunsOutOfMemory) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "sanitizers end a process that gets no memory";
#endif
  WorkerPool pool(fake_workers());
  auto request = behave("echo");
  request.inputs = {{.dtype = ml::DType::uint8, .shape = {8 << 20}, .bytes = {}}};
  request.inputs.front().bytes.resize(8 << 20);
  ASSERT_TRUE(pool.run(request));  // the only slot has its worker
  {
    const ScarceMemory scarce(4 << 20);
    EXPECT_EQ(error_code(pool.run(request)), ExecutionErrorCode::busy);
  }
  const auto again = pool.run(request);
  EXPECT_TRUE(again) << again.error().message;
  EXPECT_EQ(pool.counters().lost, 1U);
}

TEST(WorkerPool, PassesOnWhatTheWorkerRefusesAndKeepsTheWorker) {
  WorkerPool pool(fake_workers());
  const auto refused = pool.run(behave("refuse"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ExecutionErrorCode::input_mismatch);
  EXPECT_EQ(refused.error().message, "no");
  EXPECT_TRUE(pool.run(behave("echo")));
  EXPECT_EQ(pool.counters().started, 1U);
  EXPECT_EQ(pool.counters().lost, 0U);
}

class Misbehaviour : public testing::TestWithParam<const char*> {};

TEST_P(Misbehaviour, CostsOneWorkerAndTheNextRequestWorks) {
  WorkerPool pool(fake_workers());
  const auto first = number(pool.run(behave("process id")));
  const auto failed = pool.run(behave(GetParam()));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ExecutionErrorCode::worker_failed) << failed.error().message;
  EXPECT_FALSE(failed.error().message.empty());
  EXPECT_EQ(pool.counters().lost, 1U);
  const auto second = number(pool.run(behave("process id")));
  EXPECT_GT(second, 0);
  EXPECT_NE(second, first);
  EXPECT_NE(::kill(static_cast<pid_t>(first), 0), 0) << "the old worker is gone and reaped";
}

INSTANTIATE_TEST_SUITE_P(WorkerPool, Misbehaviour,
                         testing::Values("crash", "nonsense", "noise", "server's error"));

TEST(WorkerPool, EndsAWorkerThatHangs) {
  auto options = fake_workers();
  options.process.deadline_ms = 20;
  WorkerPool pool(options);
  EXPECT_EQ(error_code(pool.run(behave("hang"))), ExecutionErrorCode::deadline_exceeded);
  EXPECT_EQ(pool.counters().lost, 1U);
}

TEST(WorkerPool, DoesNotTakeAnEarlierRequestsSecondReplyForTheNextOnes) {
  WorkerPool pool(fake_workers());
  EXPECT_TRUE(pool.run(behave("twice")));
  EXPECT_GT(number(pool.run(behave("process id"))), 0);
  EXPECT_EQ(pool.counters().started, 2U);
}

TEST(WorkerPool, ReplacesAWorkerThatRetires) {
  WorkerPool pool(fake_workers());
  EXPECT_TRUE(pool.run(behave("retire")));
  EXPECT_TRUE(pool.run(behave("echo")));
  EXPECT_EQ(pool.counters().started, 2U);
  EXPECT_EQ(pool.counters().lost, 0U);
}

TEST(WorkerPool, ReplacesAWorkerThatDiedWhileIdle) {
  WorkerPool pool(fake_workers());
  const auto first = static_cast<pid_t>(number(pool.run(behave("process id"))));
  ASSERT_GT(first, 0);
  ASSERT_EQ(::kill(first, SIGKILL), 0);
  // It is dead once its end of the socket is closed, which the kernel does before it can be reaped.
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(first), &info, WEXITED | WNOWAIT), 0);
  EXPECT_NE(number(pool.run(behave("process id"))), first);
}

TEST(WorkerPool, NeverShowsOneOwnersRequestToAnotherOwnersWorker) {
  WorkerPool pool(fake_workers());
  auto request = behave("process id");
  request.isolation_group = "ann";
  const auto anns = number(pool.run(request));
  request.isolation_group = "bob";
  const auto bobs = number(pool.run(request));
  EXPECT_NE(anns, bobs);
  EXPECT_EQ(number(pool.run(request)), bobs);
  EXPECT_EQ(pool.counters().workers, 1U);
}

TEST(WorkerPool, EndsWorkersThatAreIdleForTooLong) {
  std::atomic<std::chrono::steady_clock::time_point> now{std::chrono::steady_clock::now()};
  WorkerPool pool(fake_workers(), [&] { return now.load(); });
  ASSERT_TRUE(pool.run(behave("echo")));
  pool.end_idle_workers();
  EXPECT_EQ(pool.counters().workers, 1U);
  now = now.load() + 61s;
  pool.end_idle_workers();
  EXPECT_EQ(pool.counters().workers, 0U);
  EXPECT_TRUE(pool.run(behave("echo")));
}

// Starts requests that block; whoever waits on counters() spins, because the pool has no other sign of it.
template <class Condition>
void until(const Condition& condition) {
  while (!condition()) std::this_thread::yield();
}

TEST(WorkerPool, RejectsWhatDoesNotFitIntoTheQueue) {
  auto options = fake_workers();
  options.queue_limit = 1;
  std::future<std::expected<std::vector<ml::Tensor>, ExecutionError>> running;
  std::future<std::expected<std::vector<ml::Tensor>, ExecutionError>> waiting;
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

ExecutionRequest behave(std::string behaviour, std::string caller, std::string model) {
  auto request = behave(std::move(behaviour));
  request.caller = std::move(caller);
  request.model = std::move(model);
  return request;
}

TEST(WorkerPool, LetsNeitherOneCallerNorOneModelTakeTheWholeQueue) {
  auto options = fake_workers();
  options.queue_limit_per_caller = 1;
  options.queue_limit_per_model = 2;
  std::vector<std::future<std::expected<std::vector<ml::Tensor>, ExecutionError>>> requests;
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
  std::vector<std::future<std::expected<std::vector<ml::Tensor>, ExecutionError>>> endless;
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

TEST(WorkerPool, NeverGivesAllWorkersToCallersThatRanIntoTheDeadline) {
  auto options = fake_workers();
  options.slots = 2;
  options.process.deadline_ms = 300;
  std::vector<std::future<std::expected<std::vector<ml::Tensor>, ExecutionError>>> endless;
  {
    WorkerPool pool(options);
    ASSERT_EQ(error_code(pool.run(behave("hang", "ada", "endless"))), ExecutionErrorCode::deadline_exceeded);
    for (int number = 0; number < 2; ++number) {
      endless.push_back(
          std::async(std::launch::async, [&] { return pool.run(behave("hang", "ada", "endless")); }));
    }
    until([&] { return pool.counters().workers == 2 || pool.counters().waiting == 1; });
    EXPECT_EQ(pool.counters().waiting, 1U);
    EXPECT_TRUE(pool.run(behave("echo", "bob", "quick"))) << "one worker is left";
  }
  for (auto& request : endless) EXPECT_FALSE(request.get());
}

TEST(WorkerPool, ForgetsThatACallerWasSlowOnceItIsNot) {
  auto options = fake_workers();
  options.slots = 2;
  options.process.deadline_ms = 300;
  std::vector<std::future<std::expected<std::vector<ml::Tensor>, ExecutionError>>> endless;
  {
    WorkerPool pool(options);
    ASSERT_EQ(error_code(pool.run(behave("hang", "ada", "endless"))), ExecutionErrorCode::deadline_exceeded);
    ASSERT_TRUE(pool.run(behave("echo", "ada", "quick")));
    for (int number = 0; number < 2; ++number) {
      endless.push_back(
          std::async(std::launch::async, [&] { return pool.run(behave("hang", "ada", "endless")); }));
    }
    until([&] { return pool.counters().workers == 2 || pool.counters().waiting == 1; });
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

TEST(WorkerPool, SaysThatTheWorkerCannotBeStarted) {
  auto options = fake_workers();
  options.process.worker_path = "/nonexistent/worker";
  WorkerPool pool(options);
  const auto failed = pool.run(behave("echo"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, ExecutionErrorCode::worker_unavailable);
  EXPECT_NE(failed.error().message.find("/nonexistent/worker"), std::string::npos);
  options.process.worker_path = "/bin/true";
  WorkerPool silent(options);
  EXPECT_EQ(error_code(silent.run(behave("echo"))), ExecutionErrorCode::worker_unavailable);
}

TEST(WorkerPool, SaysThatAModelFileIsNotThere) {
  WorkerPool pool(fake_workers());
  auto request = behave("echo");
  request.models[0].path = "/nonexistent/model";
  EXPECT_EQ(error_code(pool.run(request)), ExecutionErrorCode::model_unreadable);
}

TEST(FindModelWorker, LooksBesideTheServerAndInLibexec) {
  const auto root =
      std::filesystem::temp_directory_path() / ("fedlog-find-worker-" + std::to_string(::getpid()));
  const auto server = root / "bin" / "fedlog-server";
  const auto beside = root / "bin" / "fedlog-model-worker";
  const auto libexec = root / "libexec" / "fedlog" / "fedlog-model-worker";
  std::filesystem::create_directories(beside.parent_path());
  std::filesystem::create_directories(libexec.parent_path());
  const auto create = [](const std::filesystem::path& program) {
    std::ofstream(program).put('\n');
    ::chmod(program.c_str(), 0755);
  };
  const auto none = find_model_worker({}, server);
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().find(beside.string()), std::string::npos);
  create(libexec);
  EXPECT_EQ(find_model_worker({}, server), libexec);
  create(beside);
  EXPECT_EQ(find_model_worker({}, server), beside);
  EXPECT_EQ(find_model_worker(libexec, server), libexec);
  EXPECT_FALSE(find_model_worker(root / "elsewhere", server));
  std::filesystem::remove_all(root);
}

}  // namespace
}  // namespace fedlog::actors
