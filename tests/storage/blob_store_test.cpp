#include "storage/blob_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

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
