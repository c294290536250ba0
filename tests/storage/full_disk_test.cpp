#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>

#include "storage/data_folder.h"
#include "tests/storage/examples.h"
#include "tests/temporary_folder.h"

namespace fedlog::storage {
namespace {

using namespace testing;

// What the child process found; its exit status.
enum Outcome {
  as_it_should_be,
  no_small_disk,
  not_opened,
  never_full,
  another_error,
  unreadable,
  blob_accepted,
  writes_again,
  lost
};

// A file system of its own, seen by this process only.
bool mount_small_disk(const std::filesystem::path& folder) {
  if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return false;
  return ::mount("fedlog-test", folder.c_str(), "tmpfs", 0, "size=24m") == 0;
}

Outcome fill_the_disk(const std::filesystem::path& folder) {
  if (!mount_small_disk(folder)) return no_small_disk;
  std::uint64_t acknowledged = 0;
  {
    auto storage = open_data_folder(folder / "data", {});
    if (!storage) return not_opened;
    auto& journal = (*storage)->journal();
    // Fill most of it with a blob, the rest with events.
    if (!(*storage)->blobs().put(std::vector<std::byte>(16 << 20))) return not_opened;
    std::optional<JournalError> error;
    for (std::uint8_t number = 1; number < 200 && !error; ++number) {
      auto commit = upload(number);
      commit.secrets.push_back({"filler/" + std::to_string(number), std::string(100'000, 'x')});
      const auto committed = journal.append_and_wait(std::move(commit));
      if (committed) {
        ++acknowledged;
      } else {
        error = committed.error();
      }
    }
    if (!error) return never_full;
    if (error->code != JournalErrorCode::disk_full) return another_error;
    if (journal.append_and_wait(upload(250)).error().code != JournalErrorCode::disk_full) return writes_again;
    journal.put_snapshot("model/1", "of a journal that stopped");
    if (journal.snapshot("model/1")) return writes_again;
    if (journal.read_all(1, 1000).size() != acknowledged) return unreadable;
    if (!(*storage)->views().model(model_id(1))) return unreadable;
    const auto blob = (*storage)->blobs().put(std::vector<std::byte>(16 << 20, std::byte{1}));
    if (blob || blob.error() != BlobError::disk_full) return blob_accepted;
  }
  // With room again, everything that was acknowledged is there.
  std::filesystem::remove_all(folder / "data" / "blobs");
  auto storage = open_data_folder(folder / "data", {});
  if (!storage) return not_opened;
  if ((*storage)->journal().last_position() < acknowledged) return lost;
  if (!(*storage)->journal().append_and_wait(upload(251))) return lost;
  return as_it_should_be;
}

TEST(FullDisk, StopsWritesAndKeepsReadsAndLosesNothing) {
  const TemporaryFolder folder;
  const auto child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) ::_exit(fill_the_disk(folder.path()));
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == no_small_disk) GTEST_SKIP() << "this user cannot mount a small file system";
  EXPECT_EQ(WEXITSTATUS(status), as_it_should_be);
}

}  // namespace
}  // namespace fedlog::storage
