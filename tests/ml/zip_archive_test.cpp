#include "ml/zip_archive.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "ml/model_file.h"
#include "tests/ml/archive_writer.h"

namespace fedlog::ml {
namespace {

using testing::HasSubstr;

Bytes bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string refusal(const std::string& file, const FileLimits& limits = {}) {
  const auto archive = ZipArchive::open(bytes_of(file), limits);
  return archive ? "" : archive.error().message;
}

HandMadeRecord record(std::string name, std::string content) {
  return {.name = std::move(name), .content = std::move(content)};
}

TEST(ZipArchive, ReadsStoredAndDeflatedRecords) {
  const std::string code(1000, 'x');
  const std::string file =
      zip_of({record("a/plain", "hello"), {.name = "a/code.py", .content = code, .deflated = true}});
  const auto archive = ZipArchive::open(bytes_of(file)).value();
  ASSERT_EQ(archive.entries().size(), 2U);
  EXPECT_EQ(as_text(archive.stored_bytes(*archive.find("a/plain"))), "hello");
  EXPECT_EQ(as_text(archive.read(*archive.find("a/code.py"))), code);
  EXPECT_EQ(archive.find("a/other"), nullptr);
}

TEST(ZipArchive, RefusesEveryTruncation) {
  const std::string file = zip_of({record("a/b", "hello"), record("a/c", "world")});
  ASSERT_EQ(refusal(file), "");
  for (std::size_t length = 0; length < file.size(); ++length) {
    EXPECT_NE(refusal(file.substr(0, length)), "") << length;
  }
}

TEST(ZipArchive, RefusesHeadersThatContradictEachOther) {
  const auto with = [](auto change) {
    HandMadeRecord changed = record("a/b", "hello");
    change(changed);
    return refusal(zip_of({changed, record("a/c", "world")}));
  };
  EXPECT_THAT(with([](auto& r) { r.local_name = "a/x"; }), HasSubstr("disagrees"));
  EXPECT_THAT(with([](auto& r) { r.local_size = 4; }), HasSubstr("disagrees"));
  EXPECT_THAT(with([](auto& r) { r.size = 4; }), HasSubstr("two different sizes"));
  EXPECT_THAT(with([](auto& r) { r.central_crc = 1; }), HasSubstr("checksum"));
  EXPECT_THAT(with([](auto& r) { r.crc = 1; }), HasSubstr("checksum"));
  EXPECT_THAT(with([](auto& r) { r.offset = 5; }), HasSubstr("local header"));
  EXPECT_THAT(with([](auto& r) { r.offset = 0xFFFFFF00U; }), HasSubstr("outside the file"));
  EXPECT_THAT(with([](auto& r) { r.flags = 0x801; }), HasSubstr("encrypted"));
  EXPECT_THAT(with([](auto& r) { r.method = 14; }), HasSubstr("method 14"));
  EXPECT_THAT(with([](auto& r) { r.method = 8; }), HasSubstr("deflate stream"));
}

TEST(ZipArchive, RefusesNamesThatLeaveTheFolderOrHideSomething) {
  for (const std::string name :
       {"../a", "/a", "a/../b", "a//b", "a/./b", "a\\b", "", "a/", "a/\n", "a/\xff"}) {
    EXPECT_THAT(refusal(zip_of({record(name, "x")})), HasSubstr("name")) << name;
  }
  EXPECT_THAT(refusal(zip_of({record(std::string("a/b\0c", 5), "x")})), HasSubstr("control character"));
  EXPECT_THAT(refusal(zip_of({record("a/b", "x"), record("a/b", "y")})), HasSubstr("occurs twice"));
}

TEST(ZipArchive, RefusesBytesThatBelongToNoRecord) {
  const std::string file = zip_of({record("a/b", "hello")});
  EXPECT_NE(refusal("garbage" + file), "");
  EXPECT_THAT(refusal(file + "garbage"), HasSubstr("after the zip archive's end record"));
  EXPECT_NE(refusal(file + file), "");
  const auto first_size = static_cast<std::uint32_t>(file.find("PK\1\2"));
  // The second record begins later than the first one ends.
  EXPECT_NE(refusal(zip_of(
                {record("a/b", "hello PK\3\4"), {.name = "a/c", .content = "x", .offset = first_size + 1}})),
            "");
}

TEST(ZipArchive, AcceptsACommentButNoArchiveInside) {
  const std::string inner = zip_of({record("a/b", "other")});
  EXPECT_EQ(refusal(zip_of({record("a/b", "hello")}, {.entries = {}, .comment = "made by hand"})), "");
  EXPECT_NE(refusal(zip_of({record("a/b", "hello")}, {.entries = {}, .comment = inner})), "");
}

TEST(ZipArchive, RefusesADirectoryOfAnotherLengthThanDeclared) {
  for (const std::uint16_t entries : {0, 1, 3, 60000}) {
    EXPECT_NE(refusal(zip_of({record("a/b", "x"), record("a/c", "y")}, {.entries = entries, .comment = {}})),
              "")
        << entries;
  }
}

TEST(ZipArchive, KeepsInflationWithinItsLimits) {
  const HandMadeRecord zeros{.name = "a/z", .content = std::string(500'000, '\0'), .deflated = true};
  EXPECT_THAT(refusal(zip_of({zeros})), HasSubstr("200 times"));
  EXPECT_EQ(refusal(zip_of({zeros}), {.inflation_ratio = 2000}), "");
  EXPECT_THAT(refusal(zip_of({zeros}), {.inflated_size_bytes = 400'000, .inflation_ratio = 2000}),
              HasSubstr("more than is allowed"));
  HandMadeRecord lying = zeros;
  lying.size = 100;
  EXPECT_THAT(refusal(zip_of({lying})), HasSubstr("past its declared size"));
  lying.size = 500'001;
  EXPECT_THAT(refusal(zip_of({lying}), {.inflation_ratio = 2000}), HasSubstr("does not inflate"));
  EXPECT_THAT(refusal(zip_of({record("a/b", "x"), record("a/c", "y")}), {.archive_entries = 1}),
              HasSubstr("at most 1"));
}

// The guard behind all others: whatever bit is flipped, the file is refused or reads exactly as before.
TEST(ZipArchive, NoFlippedBitChangesWhatIsRead) {
  const std::string original = state_dict_file({{"a", {1, 2, 3}}, {"b", {4}}});
  const auto values = [](const std::string& file) -> std::vector<std::vector<std::byte>> {
    const auto model = ModelFile::from_bytes(bytes_of(file));
    std::vector<std::vector<std::byte>> out;
    for (std::size_t i = 0; model && i < model->tensors().size(); ++i) {
      out.push_back(model->read(model->tensors()[i]).bytes);
    }
    return out;
  };
  const auto expected = values(original);
  ASSERT_EQ(expected.size(), 2U);
  int accepted = 0;
  for (std::size_t i = 0; i < original.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string file = original;
      file[i] = static_cast<char>(file[i] ^ (1 << bit));
      const auto read = values(file);
      accepted += read.empty() ? 0 : 1;
      EXPECT_TRUE(read.empty() || read == expected) << "byte " << i << " bit " << bit;
    }
  }
  // Times, versions and attributes of records mean nothing here.
  EXPECT_LT(accepted, static_cast<int>(original.size()) * 3);
}

}  // namespace
}  // namespace fedlog::ml
