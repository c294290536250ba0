#include "ml/execution/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <thread>

#include "ml/execution/landlock.h"

namespace fedlog::ml {
namespace {

constexpr int no_sandbox = 99;
constexpr std::uint64_t mib = 1024 * 1024;

// Runs `attempt` in a child that has entered the sandbox. Its exit status is what `attempt` returned (0 to
// 98); a signal that ended it is 1000 + its number.
int in_sandbox(const std::function<int()>& attempt,
               const SandboxLimits& limits = {.memory_limit_bytes = 512 * mib}) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (!enter_sandbox(limits, STDERR_FILENO)) ::_exit(no_sandbox);
    ::_exit(attempt());
  }
  int status = 0;
  if (::waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

constexpr int killed_by_filter = 1000 + SIGSYS;

// The errno of an attempt that must fail; 0 when it succeeded.
int error_of(long result) {
  return result == -1 ? errno : 0;
}
int error_of(void* mapping) {
  return mapping == MAP_FAILED ? errno : 0;
}

TEST(Sandbox, LetsAProcessCompute) {
  EXPECT_EQ(in_sandbox([] {
              std::string text(10 * mib, 'x');
              timespec now{};
              return text.size() == 10 * mib && ::clock_gettime(CLOCK_MONOTONIC, &now) == 0 ? 0 : 1;
            }),
            0);
}

TEST(Sandbox, OpensNoFile) {
  EXPECT_EQ(in_sandbox([] { return error_of(::open("/etc/hostname", O_RDONLY)); }), EPERM);
  EXPECT_EQ(in_sandbox([] { return error_of(::syscall(SYS_open, "/etc/hostname", O_RDONLY)); }), EPERM);
  EXPECT_EQ(
      in_sandbox([] { return error_of(::open("/dev/shm/fedlog-sandbox-test", O_CREAT | O_RDWR, 0600)); }),
      EPERM);
  EXPECT_EQ(in_sandbox([] { return error_of(::memfd_create("new", 0)); }), EPERM);
  EXPECT_EQ(in_sandbox([] { return error_of(::mkdir("/tmp/fedlog-sandbox-test", 0700)); }), EPERM);
  EXPECT_EQ(in_sandbox([] { return error_of(::unlink("/tmp/fedlog-sandbox-test")); }), EPERM);
}

TEST(Sandbox, ReadsNothingOfItsParent) {
  const auto memory = "/proc/" + std::to_string(::getpid()) + "/mem";
  const auto maps = "/proc/" + std::to_string(::getpid()) + "/maps";
  EXPECT_EQ(in_sandbox([&] { return error_of(::open(memory.c_str(), O_RDWR)); }), EPERM);
  EXPECT_EQ(in_sandbox([&] { return error_of(::open(maps.c_str(), O_RDONLY)); }), EPERM);
  EXPECT_EQ(in_sandbox([parent = ::getpid()] {
              char byte = 0;
              iovec here{.iov_base = &byte, .iov_len = 1};
              iovec there{.iov_base = &byte, .iov_len = 1};
              return error_of(::process_vm_readv(parent, &here, 1, &there, 1, 0));
            }),
            killed_by_filter);
  EXPECT_EQ(in_sandbox([parent = ::getpid()] {
              return error_of(::ptrace(PTRACE_ATTACH, parent, nullptr, nullptr));
            }),
            killed_by_filter);
}

TEST(Sandbox, KeepsNoDescriptorButThoseItWasGiven) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  EXPECT_EQ(in_sandbox([&] { return error_of(::lseek(pipe[0], 0, SEEK_CUR)); }), EBADF);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

TEST(Sandbox, HasNoNetwork) {
  EXPECT_EQ(in_sandbox([] { return error_of(::socket(AF_INET, SOCK_STREAM, 0)); }), killed_by_filter);
  EXPECT_EQ(in_sandbox([] { return error_of(::socket(AF_UNIX, SOCK_STREAM, 0)); }), killed_by_filter);
}

TEST(Sandbox, StartsNoProcessAndNoThread) {
  EXPECT_EQ(in_sandbox([] { return error_of(::fork()); }), killed_by_filter);
  EXPECT_EQ(in_sandbox([] { return error_of(::syscall(SYS_fork)); }), killed_by_filter);
  EXPECT_EQ(in_sandbox([] {
              char* arguments[] = {nullptr};
              return error_of(::execve("/bin/true", arguments, arguments));
            }),
            killed_by_filter);
  EXPECT_EQ(in_sandbox([] {
              char name[] = "true";
              char* arguments[] = {name, nullptr};
              pid_t child = 0;
              return ::posix_spawn(&child, "/bin/true", nullptr, nullptr, arguments, arguments);
            }),
            killed_by_filter);
  EXPECT_EQ(in_sandbox([] {
              pthread_t thread{};
              const auto nothing = [](void*) -> void* { return nullptr; };
              return ::pthread_create(&thread, nullptr, nothing, nullptr);
            }),
            EPERM);
}

TEST(Sandbox, SignalsNobodyButItself) {
  const pid_t parent = ::getpid();
  EXPECT_EQ(in_sandbox([=] { return error_of(::kill(parent, SIGTERM)); }), killed_by_filter);
  EXPECT_EQ(in_sandbox([=] { return error_of(::syscall(SYS_tgkill, parent, parent, SIGTERM)); }),
            killed_by_filter);
  EXPECT_EQ(in_sandbox([=] { return error_of(::syscall(SYS_pidfd_open, parent, 0)); }), killed_by_filter);
  EXPECT_EQ(in_sandbox([]() -> int { std::abort(); }), 1000 + SIGABRT);
}

TEST(Sandbox, MakesNoMemoryExecutable) {
  EXPECT_EQ(
      in_sandbox([] {
        return error_of(::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
      }),
      EPERM);
  EXPECT_EQ(in_sandbox([] {
              void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
              return page == MAP_FAILED ? 1 : error_of(::mprotect(page, 4096, PROT_READ | PROT_EXEC));
            }),
            EPERM);
}

TEST(Sandbox, LimitsMemory) {
  const auto map = [](int flags) {
    return [flags] {
      return error_of(
          ::mmap(nullptr, 1024 * mib, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    };
  };
  EXPECT_EQ(in_sandbox(map(MAP_PRIVATE)), ENOMEM);
  EXPECT_EQ(in_sandbox(map(MAP_PRIVATE), {.memory_limit_bytes = 2048 * mib}), 0);
  for (const int uncounted : {MAP_SHARED, MAP_PRIVATE | MAP_GROWSDOWN, MAP_PRIVATE | MAP_HUGETLB})
    EXPECT_EQ(in_sandbox(map(uncounted)), EPERM) << uncounted << " would not count";
}

TEST(Sandbox, LimitsTheStackWhateverTheServersMayBe) {
  const pid_t child = ::fork();
  if (child == 0) {
    rlimit stack{};
    ::getrlimit(RLIMIT_STACK, &stack);
    stack.rlim_cur = stack.rlim_max;
    ::setrlimit(RLIMIT_STACK, &stack);
    if (!enter_sandbox({.memory_limit_bytes = 512 * mib}, STDERR_FILENO)) ::_exit(no_sandbox);
    // The sandbox leaves no way to ask for the limit: what the kernel does is the answer.
    const auto* here = static_cast<volatile char*>(__builtin_frame_address(0));
    ::_exit(*(here - 9 * mib));
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);
  EXPECT_EQ(WTERMSIG(status), SIGSEGV);
}

TEST(Sandbox, LimitsProcessorTime) {
  EXPECT_EQ(in_sandbox(
                []() -> int {
                  while (true) {
                    asm volatile("");
                  }
                },
                {.memory_limit_bytes = 512 * mib, .cpu_limit_s = 1}),
            1000 + SIGKILL);
}

TEST(Sandbox, RaisesNoLimit) {
  EXPECT_EQ(in_sandbox([] {
              const rlimit more{.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY};
              return error_of(::setrlimit(RLIMIT_DATA, &more));
            }),
            EPERM);
}

TEST(Sandbox, EndsWithTheProcessThatStartedIt) {
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const pid_t starter = ::fork();
  if (starter == 0) {
    if (::fork() == 0) {
      // The pipe as standard error: what the sandbox leaves open, and what closes with the process.
      ::dup2(pipe[1], STDERR_FILENO);
      if (enter_sandbox({.memory_limit_bytes = 512 * mib}, STDERR_FILENO))
        (void)!::write(STDERR_FILENO, "x", 1);
      while (true) ::poll(nullptr, 0, -1);
    }
    ::close(pipe[1]);
    while (true) ::pause();
  }
  ::close(pipe[1]);
  char byte = 0;
  ASSERT_EQ(::read(pipe[0], &byte, 1), 1);
  ASSERT_EQ(::kill(starter, SIGKILL), 0);
  ASSERT_EQ(::waitpid(starter, nullptr, 0), starter);
  pollfd end{.fd = pipe[0], .events = POLLIN, .revents = 0};
  ASSERT_EQ(::poll(&end, 1, 10'000), 1) << "it lives on";
  EXPECT_EQ(::read(pipe[0], &byte, 1), 0);
  ::close(pipe[0]);
}

TEST(Landlock, TakesFilesAwayWithoutTheFilter) {
  constexpr int no_landlock = 98;
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (restrict_by_landlock() == 0) ::_exit(no_landlock);
    if (error_of(::open("/etc/passwd", O_RDONLY)) != EACCES) ::_exit(1);
    ::_exit(error_of(::mkdir("/tmp/fedlog-landlock-test", 0700)) == EACCES ? 0 : 2);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == no_landlock) GTEST_SKIP() << "this kernel has no Landlock";
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Sandbox, IsRefusedToAProcessWithThreads) {
  const pid_t child = ::fork();
  if (child == 0) {
    std::thread([] { ::pause(); }).detach();
    const auto entered = enter_sandbox({.memory_limit_bytes = 512 * mib}, STDERR_FILENO);
    ::_exit(!entered && entered.error().find("more than one thread") != std::string::npos ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

}  // namespace
}  // namespace fedlog::ml
