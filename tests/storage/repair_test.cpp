#include "storage/repair.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/data_folder.h"
#include "storage/log_keys.h"
#include "storage/verify.h"
#include "tests/storage/examples.h"
#include "tests/storage/files_of.h"
#include "tests/temporary_folder.h"

namespace fedlog::storage {
namespace {

using namespace testing;
using ::testing::HasSubstr;

// A data folder with four events: a user, a model, a metric of it, another user.
class Repair : public ::testing::Test {
 protected:
  Repair() {
    const auto storage = open();
    auto model = uploaded(1, user_id(1));
    model.weights = storage->blobs().put(std::as_bytes(std::span(std::string_view("weights")))).value();
    append(*storage, registration(*storage, 1, "ada"));
    append(*storage, commit_of(stream_of(model_id(1)), 0, {EventCodec::encode(domain::ModelEvent{model})}));
    append(*storage, report(1, 1));
    append(*storage, registration(*storage, 2, "grace"));
  }

  std::unique_ptr<Storage> open() {
    auto storage = open_data_folder(folder_, {});
    if (!storage) throw std::runtime_error(storage.error());
    return std::move(*storage);
  }
  static void append(Storage& storage, Commit commit) {
    const auto committed = storage.journal().append_and_wait(std::move(commit));
    if (!committed) throw std::runtime_error(committed.error().message);
  }
  std::string problems() {
    std::string texts;
    const auto report = verify_data_folder(folder_, {});
    if (!report) throw std::runtime_error(report.error());
    for (const auto& problem : report->problems) texts += problem.text + "\n";
    return texts;
  }

  TemporaryFolder parent_;
  std::filesystem::path folder_ = parent_.path() / "data";
};

TEST_F(Repair, IsNotNeededByASoundFolder) {
  EXPECT_EQ(problems(), "");
  const auto storage = open();
  EXPECT_TRUE(verify(*storage, {}).sound());
}

TEST_F(Repair, AndVerificationLeaveAFolderAloneThatIsInUse) {
  const auto storage = open();
  EXPECT_THAT(verify_data_folder(folder_, {}).error(), HasSubstr("in use by process"));
  EXPECT_THAT(truncate_after(folder_, 1).error(), HasSubstr("in use by process"));
  EXPECT_THAT(rebuild_views(folder_).error(), HasSubstr("in use by process"));
}

TEST_F(Repair, AndVerificationRefuseFoldersThatAreNone) {
  EXPECT_THAT(verify_data_folder(parent_.path(), {}).error(), HasSubstr("is no data folder"));
  EXPECT_THAT(truncate_after(parent_.path(), 1).error(), HasSubstr("is no data folder"));
  EXPECT_THAT(rebuild_views(parent_.path()).error(), HasSubstr("is no data folder"));
}

TEST_F(Repair, AcceptsAnEndThatIsMissingOnlyWhenAsked) {
  change_stored(folder_, Table::log, log_key(4), std::nullopt);
  EXPECT_THAT(problems(), HasSubstr("the journal ends at position 3, but it was on disk up to position 4"));
  ASSERT_FALSE(open_data_folder(folder_, {}));
  ASSERT_TRUE(truncate_after(folder_, 3));
  EXPECT_EQ(problems(), "");
  EXPECT_EQ(open()->journal().last_position(), 3u);
}

TEST_F(Repair, WritesTheViewsAnew) {
  change_stored(folder_, Table::views, "u/unexpected", "row");
  EXPECT_THAT(problems(), HasSubstr("the views differ from what the log adds up to"));
  ASSERT_TRUE(rebuild_views(folder_));
  EXPECT_EQ(problems(), "");
  EXPECT_EQ(open()->views().users().count(), 2u);
}

TEST_F(Repair, OfADamagedDatabaseKeepsWhatVerificationFoundSound) {
  {
    const auto storage = open();  // writes a new log file
    for (std::uint64_t version = 2; version < 60; ++version) append(*storage, report(1, version));
  }
  flip_bit_in_the_middle(newest_file(folder_ / "journal", ".log"));
  ASSERT_FALSE(open_data_folder(folder_, {}));
  EXPECT_THAT(problems(), HasSubstr("the database is damaged"));
  const auto sound_until = verify_data_folder(folder_, {})->sound_until;
  EXPECT_GE(sound_until, 4u);
  EXPECT_LT(sound_until, 62u);

  EXPECT_THAT(truncate_after(folder_, 62).error(), HasSubstr("truncate after"));
  const auto truncation = truncate_after(folder_, sound_until);
  ASSERT_TRUE(truncation) << truncation.error();
  EXPECT_EQ(problems(), "");
  const auto storage = open();
  EXPECT_EQ(storage->journal().last_position(), sound_until);
  append(*storage, report(1, storage->journal().version_of(stream_of(model_id(1)))));
  EXPECT_TRUE(verify(*storage, {}).sound());
}

TEST_F(Repair, DropsAllThatHangsOnDroppedEvents) {
  {
    const auto storage = open();
    auto keyed = upload(2);
    keyed.idempotency_key = "key";
    append(*storage, keyed);
    storage->journal().put_snapshot(stream_of(model_id(1)), "of version 2");
  }
  const auto truncation = truncate_after(folder_, 2);
  ASSERT_TRUE(truncation) << truncation.error();
  EXPECT_EQ(truncation->dropped_events, 3u);
  EXPECT_EQ(problems(), "");
  const auto storage = open();
  EXPECT_EQ(storage->journal().version_of(stream_of(model_id(1))), 1u);
  EXPECT_FALSE(storage->views().user(user_id(2)));
  EXPECT_EQ(storage->views().metrics_of(model_id(1)).count(), 0u);
  EXPECT_FALSE(storage->journal().snapshot(stream_of(model_id(1))));
  auto keyed = upload(2);
  keyed.idempotency_key = "key";
  EXPECT_EQ(storage->journal().append_and_wait(keyed).value()[0].position, 3u);
}

}  // namespace
}  // namespace fedlog::storage
