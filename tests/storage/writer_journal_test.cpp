#include "storage/writer_journal.h"

#include <gtest/gtest.h>

#include <future>

#include "storage/memory_tables.h"
#include "tests/storage/examples.h"
#include "tests/storage/faulty_tables.h"

namespace fedlog::storage {
namespace {

using namespace testing;

class Writer : public ::testing::Test {
 protected:
  std::unique_ptr<WriterJournal> open(std::chrono::milliseconds checkpoint_interval) {
    WriterOptions options;
    options.group_events_max = 4;
    options.checkpoint = [this](const LogHead& head) { checkpoints_.push_back(head.position); };
    options.checkpoint_interval = checkpoint_interval;
    return std::make_unique<WriterJournal>(tables_, vault_, std::move(options));
  }

  MemoryTables memory_;
  FaultyTables tables_{memory_};
  Vault vault_{MasterKey{}};
  std::vector<std::uint64_t> checkpoints_;  // the writer's thread writes it, the test reads after closing
};

TEST_F(Writer, CommitsWhatIsQueuedBeforeItCloses) {
  int done = 0;
  auto journal = open(std::chrono::hours(1));
  for (std::uint8_t number = 1; number <= 20; ++number) {
    journal->append(upload(number), [&](Committed committed) { done += committed.has_value() ? 1 : 0; });
  }
  journal.reset();
  EXPECT_EQ(done, 20);
  EXPECT_EQ(read_log(memory_, 1, 100).size(), 20u);
}

TEST_F(Writer, WritesNoMoreEventsAtOnceThanAGroupMayHold) {
  auto journal = open(std::chrono::hours(1));
  std::promise<void> first_is_done;
  std::promise<void> all_are_queued;
  journal->append(upload(1), [&](Committed) {
    first_is_done.set_value();
    all_are_queued.get_future().wait();
  });
  first_is_done.get_future().wait();
  const auto writes = tables_.writes();
  for (std::uint8_t number = 2; number <= 11; ++number) journal->append(upload(number), [](Committed) {});
  all_are_queued.set_value();
  journal.reset();
  EXPECT_EQ(tables_.writes() - writes, 3);  // 4 + 4 + 2
}

TEST_F(Writer, LeavesACheckpointOfItsEnd) {
  auto journal = open(std::chrono::hours(1));
  ASSERT_TRUE(journal->append_and_wait(upload(1)));
  ASSERT_TRUE(journal->append_and_wait(upload(2)));
  journal.reset();
  EXPECT_EQ(checkpoints_.back(), 2u);
}

TEST_F(Writer, LeavesACheckpointWhenNothingMoreComes) {
  std::promise<void> written;
  WriterOptions options;
  options.checkpoint_interval = std::chrono::milliseconds(1);
  options.checkpoint = [&](const LogHead& head) {
    if (head.position == 2) written.set_value();
  };
  WriterJournal journal(tables_, vault_, std::move(options));
  ASSERT_TRUE(journal.append_and_wait(upload(1)));
  ASSERT_TRUE(journal.append_and_wait(upload(2)));
  written.get_future().wait();
}

TEST_F(Writer, LeavesNoCheckpointOfWhatCouldNotBeWritten) {
  auto journal = open(std::chrono::milliseconds(0));
  ASSERT_TRUE(journal->append_and_wait(upload(1)));
  tables_.fail_next_writes(1, {.disk_full = true, .message = "planted"});
  EXPECT_EQ(journal->append_and_wait(upload(2)).error().code, JournalErrorCode::disk_full);
  EXPECT_EQ(journal->failure()->code, JournalErrorCode::disk_full);
  EXPECT_EQ(journal->read_all(1, 10).size(), 1u);
  journal.reset();
  EXPECT_LE(checkpoints_.back(), 1u);
}

}  // namespace
}  // namespace fedlog::storage
