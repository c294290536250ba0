#include "actors/worker_pool.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>

#include "tests/ml/execution/fake_workers.h"

// The pool and its processes, against a worker that misbehaves on demand.
namespace fedlog::actors {
namespace {

using namespace std::chrono_literals;
using namespace testing;

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

class Misbehaviour : public ::testing::TestWithParam<const char*> {};

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
                         ::testing::Values("crash", "nonsense", "noise", "server's error"));

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
}

std::int64_t run_of(WorkerPool& pool, const char* group) {
  auto request = behave("process id");
  request.isolation_group = group;
  return number(pool.run(request));
}

TEST(WorkerPool, KeepsTheWorkersOfAFewOtherOwners) {
  auto options = fake_workers();
  options.spares = 2;
  WorkerPool pool(options);
  const auto anns = run_of(pool, "ann");
  const auto bobs = run_of(pool, "bob");
  EXPECT_EQ(run_of(pool, "ann"), anns);
  EXPECT_EQ(run_of(pool, "bob"), bobs);
  const auto eves = run_of(pool, "eve");
  EXPECT_EQ(pool.counters().workers, 3U);
  EXPECT_EQ(run_of(pool, "ann"), anns);
  // Bob's has been idle for longest.
  EXPECT_GT(run_of(pool, "joe"), 0);
  EXPECT_EQ(pool.counters().workers, 3U);
  EXPECT_NE(::kill(static_cast<pid_t>(bobs), 0), 0) << "it is gone and reaped";
  EXPECT_EQ(run_of(pool, "eve"), eves);
  EXPECT_EQ(pool.counters().started, 4U);
}

TEST(WorkerPool, KeepsNoMoreWorkersThanItMay) {
  auto options = fake_workers();
  options.spares = 0;
  WorkerPool pool(options);
  const auto anns = run_of(pool, "ann");
  EXPECT_GT(run_of(pool, "bob"), 0);
  EXPECT_EQ(pool.counters().workers, 1U);
  EXPECT_NE(run_of(pool, "ann"), anns);
}

TEST(WorkerPool, ReplacesASpareWorkerThatDied) {
  WorkerPool pool(fake_workers());
  const auto anns = static_cast<pid_t>(run_of(pool, "ann"));
  EXPECT_GT(run_of(pool, "bob"), 0);
  ASSERT_EQ(::kill(anns, SIGKILL), 0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(anns), &info, WEXITED | WNOWAIT), 0);
  const auto next = run_of(pool, "ann");
  EXPECT_GT(next, 0);
  EXPECT_NE(next, anns);
  EXPECT_EQ(pool.counters().workers, 2U);
}

TEST(WorkerPool, TakesTheSlotWhoseWorkerIsIdleForLongest) {
  auto options = fake_workers();
  options.slots = 2;
  options.spares = 0;
  WorkerPool pool(options);
  const auto anns = run_of(pool, "ann");
  const auto bobs = run_of(pool, "bob");
  EXPECT_EQ(run_of(pool, "ann"), anns);
  EXPECT_GT(run_of(pool, "eve"), 0);
  EXPECT_EQ(run_of(pool, "ann"), anns);
  EXPECT_NE(run_of(pool, "bob"), bobs);
}

TEST(WorkerPool, EndsWorkersThatAreIdleForTooLong) {
  std::atomic<std::chrono::steady_clock::time_point> now{std::chrono::steady_clock::now()};
  WorkerPool pool(fake_workers(), [&] { return now.load(); });
  ASSERT_TRUE(pool.run(behave("echo")));
  ASSERT_GT(run_of(pool, "ann"), 0);
  pool.end_idle_workers();
  EXPECT_EQ(pool.counters().workers, 2U);
  now = now.load() + 61s;
  pool.end_idle_workers();
  EXPECT_EQ(pool.counters().workers, 0U);
  EXPECT_TRUE(pool.run(behave("echo")));
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
