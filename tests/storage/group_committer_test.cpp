#include "storage/group_committer.h"

#include <gtest/gtest.h>

#include "storage/memory_tables.h"
#include "tests/storage/examples.h"
#include "tests/storage/faulty_tables.h"

namespace fedlog::storage {
namespace {

using namespace testing;

constexpr std::int64_t hour = 3'600'000'000;

class Committer : public ::testing::Test {
 protected:
  Committed commit(Commit commit) {
    std::optional<Committed> result;
    std::vector<PendingCommit> group;
    group.push_back({std::move(commit), [&](Committed committed) { result = std::move(committed); }});
    committer_.commit(std::move(group));
    return *result;
  }
  std::vector<Committed> commit_together(std::vector<Commit> commits) {
    std::vector<Committed> results;
    std::vector<PendingCommit> group;
    for (auto& commit : commits) {
      group.push_back(
          {std::move(commit), [&](Committed committed) { results.push_back(std::move(committed)); }});
    }
    committer_.commit(std::move(group));
    return results;
  }

  MemoryTables memory_;
  FaultyTables tables_{memory_};
  Vault vault_{MasterKey{}};
  domain::Timestamp now_{1'700'000'000'000'000};
  GroupCommitter committer_{tables_, vault_, [this] { return now_; }};
};

TEST_F(Committer, LetsCommitsOfAGroupSeeEachOther) {
  const auto results = commit_together({upload(1), report(1, 1), report(1, 1), report(1, 2)});
  EXPECT_TRUE(results[0] && results[1] && results[3]);
  EXPECT_EQ(results[2].error().code, JournalErrorCode::version_mismatch);
  EXPECT_EQ(tables_.writes(), 1);
}

TEST_F(Committer, LeavesNoGapWhereACommitOfAGroupIsRefused) {
  auto half = upload(1);
  half.appends.push_back(report(2, 7).appends[0]);
  const auto results = commit_together({half, upload(3)});
  EXPECT_FALSE(results[0]);
  EXPECT_EQ(results[1].value()[0].position, 1u);
  EXPECT_FALSE(memory_.get(Table::heads, stream_of(model_id(1))));
}

TEST_F(Committer, GivesTimesThatDoNotFollowAClockBack) {
  const auto first = commit(upload(1)).value()[0];
  now_.microseconds -= hour;
  const auto second = commit(upload(2)).value()[0];
  EXPECT_EQ(second.time, first.time);
  EXPECT_LT(first.id, second.id);
}

TEST_F(Committer, FreesAnIdempotencyKeyAfterADay) {
  auto keyed = upload(1);
  keyed.idempotency_key = "key";
  keyed.reply = "first";
  ASSERT_TRUE(commit(keyed));
  keyed = upload(2);
  keyed.idempotency_key = "key";
  now_.microseconds += 24 * hour - 1;
  EXPECT_EQ(commit(keyed).error().reply, "first");
  now_.microseconds += 1;
  EXPECT_TRUE(commit(keyed));
  EXPECT_EQ(commit(keyed).error().code, JournalErrorCode::duplicate);
}

TEST_F(Committer, ForgetsIdempotencyKeysThatAreOlderThanADay) {
  for (std::uint8_t number = 1; number <= 10; ++number) {
    auto keyed = upload(number);
    keyed.idempotency_key = "key " + std::to_string(number);
    ASSERT_TRUE(commit(keyed));
  }
  now_.microseconds += 25 * hour;
  auto keyed = upload(11);
  keyed.idempotency_key = "a later key";
  ASSERT_TRUE(commit(keyed));
  int kept = 0;
  memory_.scan(Table::commands, {}, {}, [&](auto, auto) { return ++kept > 0; });
  EXPECT_EQ(kept, 2);
}

TEST_F(Committer, KeepsRepliesSealed) {
  auto keyed = upload(1);
  keyed.idempotency_key = "key";
  keyed.reply = "ada@example.org";
  ASSERT_TRUE(commit(keyed));
  memory_.scan(Table::commands, {}, {}, [&](auto, std::string_view value) {
    EXPECT_EQ(value.find("example"), std::string_view::npos);
    return true;
  });
}

TEST_F(Committer, StopsForGoodAtTheFirstWriteThatFails) {
  ASSERT_TRUE(commit(upload(1)));
  tables_.fail_next_writes(1, {.disk_full = false, .message = "planted"});
  const auto failed = commit_together({upload(2), report(1, 9)});
  EXPECT_EQ(failed[0].error().code, JournalErrorCode::failed);
  EXPECT_EQ(failed[1].error().code, JournalErrorCode::failed);
  EXPECT_EQ(commit(upload(3)).error().code, JournalErrorCode::failed);
  EXPECT_NE(committer_.failure()->message.find("planted"), std::string::npos);
  EXPECT_TRUE(memory_.get(Table::heads, stream_of(model_id(1))));
  EXPECT_FALSE(memory_.get(Table::heads, stream_of(model_id(3))));
}

TEST_F(Committer, SaysWhenTheDiskIsFull) {
  tables_.fail_next_writes(1, {.disk_full = true, .message = "planted"});
  EXPECT_EQ(commit(upload(1)).error().code, JournalErrorCode::disk_full);
  EXPECT_EQ(committer_.failure()->code, JournalErrorCode::disk_full);
}

TEST_F(Committer, StopsWhereStoredBytesCannotBeRead) {
  ASSERT_TRUE(commit(upload(1)));
  Changes damage;
  damage[static_cast<std::size_t>(Table::heads)].emplace(stream_of(model_id(1)), "damaged");
  ASSERT_TRUE(memory_.write(damage, Durability::synced));
  EXPECT_EQ(commit(report(1, 1)).error().code, JournalErrorCode::failed);
  EXPECT_TRUE(committer_.failure());
}

TEST_F(Committer, GoesOnWhereTheLogEnded) {
  const auto before = commit(upload(1)).value()[0];
  GroupCommitter reopened(tables_, vault_, [] { return domain::Timestamp{1}; });
  std::optional<Committed> result;
  std::vector<PendingCommit> group;
  group.push_back({upload(2), [&](Committed committed) { result = std::move(committed); }});
  reopened.commit(std::move(group));
  EXPECT_EQ(result->value()[0].position, 2u);
  EXPECT_EQ(result->value()[0].time, before.time);
  EXPECT_LT(before.id, result->value()[0].id);
}

}  // namespace
}  // namespace fedlog::storage
