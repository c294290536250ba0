#include "storage/blob_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <set>
#include <thread>

#include "storage/file_blob_store.h"
#include "tests/temporary_folder.h"

namespace fedlog::storage {
namespace {

constexpr std::string_view abc_digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text));
}

class Blobs : public ::testing::Test {
 protected:
  Blobs() {
    std::filesystem::create_directory(blobs());
    std::filesystem::create_directory(temporary());
  }
  [[nodiscard]] std::filesystem::path blobs() const { return folder_.path() / "blobs"; }
  [[nodiscard]] std::filesystem::path temporary() const { return folder_.path() / "tmp"; }

  TemporaryFolder folder_;
  FileBlobStore store_{blobs(), temporary()};
};

TEST_F(Blobs, AreNamedByTheSha256OfTheirContent) {
  const auto id = store_.put(bytes_of("abc"));
  ASSERT_TRUE(id);
  EXPECT_EQ(id->text(), abc_digest);
  EXPECT_EQ(store_.path(*id), blobs() / "ba" / abc_digest);
  EXPECT_EQ(store_.size_bytes(*id), 3u);
  EXPECT_EQ(store_.read(*id), "abc");
}

TEST_F(Blobs, AreWrittenInPiecesAndSeenBeforeTheCommit) {
  auto writer = store_.create().value();
  ASSERT_TRUE(writer->write(bytes_of("a")));
  ASSERT_TRUE(writer->write(bytes_of("bc")));
  EXPECT_EQ(writer->size_bytes(), 3u);
  std::ifstream file(writer->path().value());
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "abc");
  EXPECT_EQ(writer->commit()->text(), abc_digest);
  EXPECT_TRUE(std::filesystem::is_empty(temporary()));
}

TEST_F(Blobs, LeaveNothingBehindWhenDropped) {
  {
    auto writer = store_.create().value();
    ASSERT_TRUE(writer->write(bytes_of("abc")));
  }
  EXPECT_TRUE(std::filesystem::is_empty(temporary()));
  EXPECT_TRUE(std::filesystem::is_empty(blobs()));
}

TEST_F(Blobs, WithTheSameContentAreOne) {
  EXPECT_EQ(store_.put(bytes_of("abc")), store_.put(bytes_of("abc")));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(blobs() / "ba"), {}), 1);
}

TEST_F(Blobs, ThatWereDamagedAreMendedByTheNextUpload) {
  const auto id = store_.put(bytes_of("abc")).value();
  std::ofstream(store_.path(id).value()) << "xyz";
  ASSERT_TRUE(store_.put(bytes_of("abc")));
  EXPECT_EQ(store_.read(id), "abc");
}

TEST_F(Blobs, ThatAreNotThereAreMissing) {
  EXPECT_EQ(store_.path({}).error(), BlobError::missing);
  EXPECT_EQ(store_.size_bytes({}).error(), BlobError::missing);
  EXPECT_EQ(store_.read({}).error(), BlobError::missing);
}

bool never() {
  return false;
}
bool always() {
  return true;
}

TEST_F(Blobs, AreRemovedUnlessTheyAreNeeded) {
  const auto id = store_.put(bytes_of("abc")).value();
  EXPECT_EQ(store_.remove_unless(id, always), false);
  EXPECT_TRUE(store_.path(id));
  EXPECT_EQ(store_.remove_unless(id, never), true);
  EXPECT_EQ(store_.path(id).error(), BlobError::missing);
  EXPECT_EQ(store_.remove_unless(id, never), false) << "there is none any more";
  EXPECT_EQ(store_.put(bytes_of("abc")), id);
  EXPECT_EQ(store_.read(id), "abc");
}

TEST_F(Blobs, StayWhileTheirWriterOrItsHoldLives) {
  auto writer = store_.create().value();
  ASSERT_TRUE(writer->write(bytes_of("abc")));
  EXPECT_THROW(static_cast<void>(writer->hold()), std::logic_error);
  const auto id = writer->commit().value();
  EXPECT_EQ(store_.remove_unless(id, never), false);
  auto hold = writer->hold();
  writer.reset();
  EXPECT_EQ(store_.remove_unless(id, never), false);
  hold.reset();
  EXPECT_EQ(store_.remove_unless(id, never), true);
}

TEST_F(Blobs, CanBeHeldByWhoeverWillReferToThem) {
  const auto id = store_.put(bytes_of("abc")).value();
  const auto hold = store_.hold(id);
  ASSERT_TRUE(hold);
  EXPECT_EQ(store_.remove_unless(id, never), false);
  EXPECT_EQ(store_.hold({}).error(), BlobError::missing);
}

TEST_F(Blobs, TellWhenTheirLastHoldEnds) {
  std::vector<domain::BlobId> let_go;
  store_.when_let_go([&](domain::BlobId id) { let_go.push_back(id); });
  auto writer = store_.create().value();
  ASSERT_TRUE(writer->write(bytes_of("abc")));
  const auto id = writer->commit().value();
  auto hold = store_.hold(id);
  writer.reset();
  EXPECT_TRUE(let_go.empty());
  hold->reset();
  EXPECT_EQ(let_go, std::vector{id});
}

TEST_F(Blobs, AreVisitedAndNothingElseIs) {
  const std::set<domain::BlobId> ids{store_.put(bytes_of("a")).value(), store_.put(bytes_of("b")).value(),
                                     store_.put(bytes_of("c")).value()};
  std::filesystem::create_directory(blobs() / "xy");
  std::ofstream(blobs() / "xy" / abc_digest) << "in the wrong folder";
  std::ofstream(blobs() / "file") << "no blob";
  std::set<domain::BlobId> visited;
  store_.visit([&](domain::BlobId id) {
    visited.insert(id);
    return true;
  });
  EXPECT_EQ(visited, ids);
  int visits = 0;
  store_.visit([&](domain::BlobId) { return ++visits < 2; });
  EXPECT_EQ(visits, 2);
}

// Whoever commits a content finds it there, whatever is removed at the same moment.
TEST_F(Blobs, AreThereWhenCommittedWhileTheSameContentIsRemoved) {
  const auto id = store_.put(bytes_of("abc")).value();
  std::jthread remover([&](const std::stop_token& stop) {
    while (!stop.stop_requested()) std::ignore = store_.remove_unless(id, never);
  });
  for (int round = 0; round < 300; ++round) {
    auto writer = store_.create().value();
    ASSERT_TRUE(writer->write(bytes_of("abc")));
    ASSERT_EQ(writer->commit(), id);
    ASSERT_EQ(store_.read(id), "abc");
  }
}

TEST_F(Blobs, CanBeReadByNobodyElse) {
  struct stat status{};
  ASSERT_EQ(::stat(store_.path(store_.put(bytes_of("abc")).value())->c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(Blobs, FailWhereTheFolderIsGone) {
  std::filesystem::remove_all(temporary());
  EXPECT_EQ(store_.create().error(), BlobError::failed);
}

}  // namespace
}  // namespace fedlog::storage
