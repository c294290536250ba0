#include "storage/verify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "storage/data_folder.h"
#include "storage/envelope_codec.h"
#include "storage/log_keys.h"
#include "storage/repair.h"
#include "tests/storage/examples.h"
#include "tests/storage/files_of.h"
#include "tests/storage/temporary_folder.h"

namespace fedlog::storage {
namespace {

using namespace testing;
using ::testing::HasSubstr;

// A folder with four events: a user, a model with a blob, a metric of it, another user.
class Verification : public ::testing::Test {
 protected:
  Verification() {
    const auto storage = open();
    blob_ = storage->blobs().put(std::as_bytes(std::span(std::string_view("weights")))).value();
    auto model = uploaded(1, user_id(1));
    model.weights = blob_;
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
  Report verified() { return verify_data_folder(folder_, {.views = true, .blob_contents = true}).value(); }

  // The texts of all problems; empty where there are none.
  std::string problems() {
    std::string texts;
    for (const auto& problem : verified().problems) {
      texts += std::to_string(problem.position) + ": " + problem.text + "\n";
    }
    return texts;
  }
  void change(Table table, const std::string& key, std::optional<std::string> value) {
    change_stored(folder_, table, key, std::move(value));
  }
  Envelope stored(std::uint64_t position) { return open()->journal().read_all(position, 1).at(0); }

  TemporaryFolder parent_;
  std::filesystem::path folder_ = parent_.path() / "data";
  domain::BlobId blob_;
};

TEST_F(Verification, FindsNothingInASoundFolder) {
  EXPECT_EQ(problems(), "");
  const auto report = verified();
  EXPECT_TRUE(report.sound());
  EXPECT_EQ(report.events, 4u);
  EXPECT_EQ(report.streams, 3u);
  EXPECT_EQ(report.blobs, 1u);
  EXPECT_EQ(report.last_position, 4u);
  EXPECT_EQ(report.sound_until, 4u);
  EXPECT_EQ(report.last_hash, stored(4).hash);
}

TEST_F(Verification, WorksWhileTheFolderIsServed) {
  const auto storage = open();
  EXPECT_TRUE(verify(*storage, {}).sound());
  EXPECT_THAT(verify_data_folder(folder_, {}).error(), HasSubstr("in use by process"));
}

TEST_F(Verification, FindsAMissingEvent) {
  change(Table::log, log_key(2), std::nullopt);
  EXPECT_THAT(problems(), HasSubstr("3: positions 2 to 2 are missing"));
  EXPECT_EQ(verified().sound_until, 1u);
}

TEST_F(Verification, FindsAMissingEnd) {
  change(Table::log, log_key(4), std::nullopt);
  EXPECT_THAT(problems(), HasSubstr("the journal ends at position 3, but it was on disk up to position 4"));
}

TEST_F(Verification, FindsAChangedEvent) {
  auto envelope = stored(3);
  envelope.acting_user = user_id(9);
  change(Table::log, log_key(3), encode_envelope(envelope));
  EXPECT_THAT(problems(), HasSubstr("3: the hash does not fit the event"));
}

TEST_F(Verification, FindsAChangedEventWithAHashOfItsOwn) {
  auto envelope = stored(2);
  envelope.correlation = "another";
  envelope.hash = hash_of(envelope);
  change(Table::log, log_key(2), encode_envelope(envelope));
  EXPECT_THAT(problems(), HasSubstr("3: it does not continue the hash chain"));
}

TEST_F(Verification, FindsAGapInAStream) {
  auto envelope = stored(3);
  envelope.version = 4;
  envelope.hash = hash_of(envelope);
  change(Table::log, log_key(3), encode_envelope(envelope));
  EXPECT_THAT(problems(), HasSubstr("goes from version 1 to 4"));
}

TEST_F(Verification, FindsAPayloadThatCannotBeDecoded) {
  auto envelope = stored(3);
  envelope.payload = "\xa0";
  envelope.hash = hash_of(envelope);
  change(Table::log, log_key(3), encode_envelope(envelope));
  EXPECT_THAT(problems(), HasSubstr("expected 4 fields, found 0"));
}

TEST_F(Verification, FindsBytesThatAreNoEnvelope) {
  change(Table::log, log_key(3), "damaged");
  EXPECT_THAT(problems(), HasSubstr("3: the envelope cannot be decoded"));
}

TEST_F(Verification, FindsWrongHeadsAndIndexes) {
  change(Table::heads, stream_of(model_id(1)), "damaged");
  EXPECT_THAT(problems(), HasSubstr("the head of " + stream_of(model_id(1)) + " is not its last event"));
  change(Table::heads, stream_of(model_id(1)), std::nullopt);
  EXPECT_THAT(problems(), HasSubstr("heads of streams are missing"));
  change(Table::streams, stream_key(stream_of(model_id(1)), 2), std::nullopt);
  EXPECT_THAT(problems(), HasSubstr("3: the index of streams does not lead to it"));
  change(Table::streams, stream_key("model/x", 1), "x");
  change(Table::streams, stream_key("model/x", 2), "x");
  EXPECT_THAT(problems(), HasSubstr("entries for events that do not exist"));
}

TEST_F(Verification, FindsMissingAndDamagedBlobs) {
  const auto place = folder_ / "blobs" / blob_.text().substr(0, 2) / blob_.text();
  std::ofstream(place) << "other bytes";
  EXPECT_THAT(problems(), HasSubstr("2: blob " + blob_.text() + " is damaged"));
  EXPECT_TRUE(verify_data_folder(folder_, {.views = true, .blob_contents = false})->sound());
  std::filesystem::remove(place);
  EXPECT_THAT(problems(), HasSubstr("2: blob " + blob_.text() + " is missing"));
}

TEST_F(Verification, FindsWrongViewsAndARebuildMendsThem) {
  change(Table::views, "u/unexpected", "row");
  EXPECT_THAT(problems(), HasSubstr("the views differ from what the log adds up to"));
  ASSERT_TRUE(rebuild_views(folder_));
  EXPECT_EQ(problems(), "");
  EXPECT_EQ(open()->views().users().size(), 2u);
}

TEST_F(Verification, OfADamagedDatabaseSaysWhatIsSoundAndRepairMendsIt) {
  {
    const auto storage = open();  // writes a new log file
    for (std::uint64_t version = 2; version < 60; ++version) append(*storage, report(1, version));
  }
  flip_bit_in_the_middle(newest_file(folder_ / "journal", ".log"));
  ASSERT_FALSE(open_data_folder(folder_, {}));
  const auto report_before = verified();
  EXPECT_THAT(problems(), HasSubstr("the database is damaged"));
  EXPECT_GE(report_before.sound_until, 4u);
  EXPECT_LT(report_before.sound_until, 62u);

  EXPECT_THAT(truncate_after(folder_, 62).error(), HasSubstr("truncate after"));
  const auto truncation = truncate_after(folder_, report_before.sound_until);
  ASSERT_TRUE(truncation) << truncation.error();
  EXPECT_EQ(problems(), "");
  const auto storage = open();
  EXPECT_EQ(storage->journal().last_position(), report_before.sound_until);
  append(*storage, report(1, storage->journal().version_of(stream_of(model_id(1)))));
  EXPECT_TRUE(verify(*storage, {}).sound());
}

TEST_F(Verification, AfterATruncationFindsNothing) {
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
  EXPECT_TRUE(storage->views().metrics_of(model_id(1)).empty());
  EXPECT_FALSE(storage->journal().snapshot(stream_of(model_id(1))));
  auto keyed = upload(2);
  keyed.idempotency_key = "key";
  EXPECT_EQ(storage->journal().append_and_wait(keyed).value()[0].position, 3u);
}

TEST_F(Verification, RefusesFoldersThatAreNone) {
  EXPECT_THAT(verify_data_folder(parent_.path(), {}).error(), HasSubstr("is no data folder"));
  EXPECT_THAT(truncate_after(parent_.path(), 1).error(), HasSubstr("is no data folder"));
  EXPECT_THAT(rebuild_views(parent_.path()).error(), HasSubstr("is no data folder"));
}

}  // namespace
}  // namespace fedlog::storage
