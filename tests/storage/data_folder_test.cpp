#include "storage/data_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "storage/checkpoint.h"
#include "storage/envelope_codec.h"
#include "tests/storage/examples.h"
#include "tests/storage/files_of.h"
#include "tests/temporary_folder.h"

namespace fedlog::storage {
namespace {

using namespace testing;
using ::testing::HasSubstr;

class DataFolderTest : public ::testing::Test {
 protected:
  std::unique_ptr<Storage> open() {
    auto storage = open_data_folder(folder_, {});
    if (!storage) throw std::runtime_error(storage.error());
    return std::move(*storage);
  }
  std::string refusal() {
    const auto storage = open_data_folder(folder_, {});
    return storage ? "" : storage.error();
  }
  static void append(Storage& storage, Commit commit) {
    const auto committed = storage.journal().append_and_wait(std::move(commit));
    ASSERT_TRUE(committed) << committed.error().message;
  }

  TemporaryFolder parent_;
  std::filesystem::path folder_ = parent_.path() / "data";
};

TEST_F(DataFolderTest, HoldsEverythingAfterItWasClosed) {
  std::string log;
  {
    const auto storage = open();
    append(*storage, registration(*storage, 1, "ada"));
    append(*storage, upload(1));
    auto keyed = upload(2);
    keyed.idempotency_key = "key";
    keyed.reply = "reply";
    append(*storage, keyed);
    storage->journal().put_snapshot("model/1", "snapshot");
    for (const auto& envelope : storage->journal().read_all(1, 10)) log += encode_envelope(envelope);
  }
  const auto storage = open();
  auto& journal = storage->journal();
  std::string reopened;
  for (const auto& envelope : journal.read_all(1, 10)) reopened += encode_envelope(envelope);
  EXPECT_EQ(reopened, log);
  EXPECT_EQ(storage->views().user_by_name("ada")->email.text, "ada@example.org");
  EXPECT_TRUE(storage->views().model(model_id(2)));
  EXPECT_EQ(journal.snapshot("model/1"), "snapshot");
  EXPECT_EQ(journal.version_of(stream_of(model_id(1))), 1u);
  auto again = upload(3);
  again.idempotency_key = "key";
  EXPECT_EQ(journal.append_and_wait(again).error().reply, "reply");
  EXPECT_EQ(journal.append_and_wait(upload(4)).value()[0].position, 4u);
}

TEST_F(DataFolderTest, IsForItsOwnerOnly) {
  open();
  struct stat status{};
  ASSERT_EQ(::stat(folder_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
  ASSERT_EQ(::stat((folder_ / "keys/master").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(status.st_size, 32);
}

TEST_F(DataFolderTest, BelongsToOneServerAtATime) {
  const auto storage = open();
  EXPECT_THAT(refusal(), HasSubstr("is in use by process " + std::to_string(::getpid())));
}

TEST_F(DataFolderTest, OfANewerFormatIsRefusedByName) {
  open();
  std::ofstream(folder_ / "VERSION") << "2\n";
  EXPECT_THAT(refusal(), HasSubstr("has format 2, written by a newer fedlog"));
  std::ofstream(folder_ / "VERSION") << "banana\n";
  EXPECT_THAT(refusal(), HasSubstr("holds no version number"));
}

TEST_F(DataFolderTest, WithoutVersionIsNotTakenForANewOne) {
  open();
  std::filesystem::remove(folder_ / "VERSION");
  EXPECT_THAT(refusal(), HasSubstr("no file VERSION"));
}

TEST_F(DataFolderTest, WithoutItsKeyOrWithAnotherIsRefused) {
  open();
  std::filesystem::rename(folder_ / "keys/master", folder_ / "keys/kept");
  EXPECT_THAT(refusal(), HasSubstr("keys/master is missing"));
  std::ofstream(folder_ / "keys/master") << "short";
  EXPECT_THAT(refusal(), HasSubstr("has not 32 bytes"));
  std::ofstream(folder_ / "keys/master") << std::string(32, 'k');
  EXPECT_THAT(refusal(), HasSubstr("is not the key that this journal was written with"));
  std::filesystem::rename(folder_ / "keys/kept", folder_ / "keys/master");
  EXPECT_EQ(refusal(), "");
}

TEST_F(DataFolderTest, LosesWhatWasLeftInItsTemporaryFolder) {
  open();
  std::ofstream(folder_ / "tmp/blob-of-a-crash") << "bytes";
  open();
  EXPECT_TRUE(std::filesystem::is_empty(folder_ / "tmp"));
}

TEST_F(DataFolderTest, NeverHoldsPersonalTextInPlain) {
  {
    const auto storage = open();
    append(*storage, registration(*storage, 1, "Adalovelace"));
    append(*storage,
           commit_of(stream_of(domain::GroupId{1}), 0,
                     {EventCodec::encode(domain::GroupEvent{domain::GroupCreated{{1}, "Plainclinics"}})}));
    append(*storage,
           commit_of(stream_of(domain::GroupId{1}), 1,
                     {EventCodec::encode(domain::GroupEvent{domain::GroupMemberAdded{user_id(1)}})}));
    EXPECT_EQ(storage->views().user(user_id(1))->username.text, "Adalovelace");
  }
  const auto everything = content_of_all_files(folder_);
  EXPECT_EQ(everything.find("Adalovelace"), std::string::npos);
  EXPECT_EQ(everything.find("example.org"), std::string::npos);
  EXPECT_NE(everything.find("Plainclinics"), std::string::npos);  // the search itself finds things
}

TEST_F(DataFolderTest, AcceptsATornTailAsItWasNeverAcknowledged) {
  {
    const auto storage = open();
    for (std::uint8_t number = 1; number <= 5; ++number) append(*storage, upload(number));
  }
  // The checkpoint covers what was acknowledged; a record that was being written when the power went is more.
  const auto log = newest_file(folder_ / "journal", ".log");
  std::ofstream(log, std::ios::app | std::ios::binary) << std::string("\x12\x34\x56\x78\x40\x00\x01half", 11);
  const auto storage = open();
  EXPECT_EQ(storage->journal().last_position(), 5u);
}

TEST_F(DataFolderTest, WithAFlippedBitInTheMiddleOfTheLogIsRefused) {
  {
    const auto storage = open();
    for (std::uint8_t number = 1; number <= 50; ++number) append(*storage, upload(number));
  }
  flip_bit_in_the_middle(newest_file(folder_ / "journal", ".log"));
  const auto text = refusal();
  EXPECT_THAT(text, HasSubstr("`fedlog verify --data " + folder_.string() + "`"));
  EXPECT_THAT(text, HasSubstr("`fedlog repair --data " + folder_.string() + " --truncate-after POSITION`"));
  EXPECT_EQ(refusal(), text);  // refusing changed nothing
}

TEST_F(DataFolderTest, WithEventsMissingAtTheEndIsRefused) {
  {
    const auto storage = open();
    append(*storage, upload(1));
  }
  const auto checkpoint = read_checkpoint(folder_ / "checkpoints/head").value().value();
  EXPECT_EQ(checkpoint.position, 1u);
  ASSERT_TRUE(write_checkpoint(folder_ / "checkpoints/head", {2, checkpoint.hash}));
  EXPECT_THAT(refusal(), HasSubstr("the journal ends at position 1, but it was on disk up to position 2"));
}

TEST_F(DataFolderTest, WithAnotherHistoryThanItsCheckpointIsRefused) {
  {
    const auto storage = open();
    append(*storage, upload(1));
  }
  ASSERT_TRUE(write_checkpoint(folder_ / "checkpoints/head", {1, Hash{}}));
  EXPECT_THAT(refusal(), HasSubstr("the event at position 1 is not the one that was on disk before"));
  std::ofstream(folder_ / "checkpoints/head") << "banana";
  EXPECT_THAT(refusal(), HasSubstr("checkpoints/head is damaged"));
}

TEST_F(DataFolderTest, RebuildsViewsOfAnotherRevision) {
  {
    const auto storage = open();
    append(*storage, upload(1));
  }
  change_stored(folder_, Table::meta, "views-revision", std::nullopt);
  change_stored(folder_, Table::views, "u/of an older revision", "row");
  const auto storage = open();
  EXPECT_TRUE(storage->views().model(model_id(1)));
  EXPECT_FALSE(storage->snapshot()->get(Table::views, "u/of an older revision"));
}

}  // namespace
}  // namespace fedlog::storage
