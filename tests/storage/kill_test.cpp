#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "storage/data_folder.h"
#include "tests/storage/examples.h"
#include "tests/temporary_folder.h"

namespace fedlog::storage {
namespace {

using namespace testing;

constexpr std::uint8_t threads = 4;

// Appends until it is killed; tells each acknowledged (stream, version) through the pipe.
[[noreturn]] void append_for_ever(const std::filesystem::path& folder, int acknowledged) {
  auto storage = open_data_folder(folder, {});
  if (!storage) ::_exit(1);
  std::vector<std::jthread> appenders;
  for (std::uint8_t thread = 1; thread <= threads; ++thread) {
    appenders.emplace_back([&, thread] {
      for (std::uint64_t version = 0;; ++version) {
        const auto commit = version == 0 ? upload(thread) : report(thread, version);
        if (!(*storage)->journal().append_and_wait(commit)) ::_exit(2);
        const std::uint64_t message = thread * 1'000'000'000ULL + version + 1;
        if (::write(acknowledged, &message, sizeof message) != sizeof message) ::_exit(3);
      }
    });
  }
  for (;;) ::pause();
}

TEST(Kill, LosesNothingThatWasAcknowledged) {
  const TemporaryFolder parent;
  const auto folder = parent.path() / "data";
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) append_for_ever(folder, ends[1]);
  ::close(ends[1]);

  std::uint64_t versions[threads + 1] = {};
  std::uint64_t message = 0;
  for (int received = 0; ::read(ends[0], &message, sizeof message) == sizeof message;) {
    versions[message / 1'000'000'000ULL] = message % 1'000'000'000ULL;
    if (++received == 500) ::kill(child, SIGKILL);  // in the middle of whatever it does; drains the pipe
  }
  ::close(ends[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the appending process ended by itself: " << WEXITSTATUS(status);

  auto storage = open_data_folder(folder, {});
  ASSERT_TRUE(storage) << storage.error();
  for (std::uint8_t thread = 1; thread <= threads; ++thread) {
    EXPECT_GE((*storage)->journal().version_of(stream_of(model_id(thread))), versions[thread]);
  }
  const auto log = (*storage)->journal().read_all(1, 1'000'000);
  ASSERT_GE(log.size(), 500u);
  for (std::size_t index = 0; index < log.size(); ++index) ASSERT_EQ(log[index].position, index + 1);
}

}  // namespace
}  // namespace fedlog::storage
