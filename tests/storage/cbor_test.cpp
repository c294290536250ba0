#include "storage/cbor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "tests/storage/hex.h"

namespace fedlog::storage::cbor {
namespace {

using testing::from_hex;
using testing::to_hex;

template <class Write>
std::string written(const Write& write) {
  Writer writer;
  write(writer);
  return to_hex(writer.take());
}

std::string integer(std::int64_t value) {
  return written([&](Writer& writer) { writer.integer(value); });
}

std::string number(double value) {
  return written([&](Writer& writer) { writer.number(value); });
}

template <class Read>
std::string error_of(std::string_view hex, const Read& read) {
  const auto bytes = from_hex(hex);
  Reader reader(bytes);
  static_cast<void>(read(reader));
  reader.expect_end();
  return reader.error().value_or("");
}

// RFC 8949, appendix A.
TEST(Cbor, WritesIntegersInTheirShortestForm) {
  EXPECT_EQ(integer(0), "00");
  EXPECT_EQ(integer(23), "17");
  EXPECT_EQ(integer(24), "1818");
  EXPECT_EQ(integer(255), "18ff");
  EXPECT_EQ(integer(256), "190100");
  EXPECT_EQ(integer(65536), "1a00010000");
  EXPECT_EQ(integer(1000000000000), "1b000000e8d4a51000");
  EXPECT_EQ(integer(-1), "20");
  EXPECT_EQ(integer(-100), "3863");
  EXPECT_EQ(integer(std::numeric_limits<std::int64_t>::min()), "3b7fffffffffffffff");
  EXPECT_EQ(written([](Writer& writer) { writer.unsigned_integer(~0ULL); }), "1bffffffffffffffff");
}

TEST(Cbor, WritesFloatsWith64BitsAndOneNan) {
  EXPECT_EQ(number(1.1), "fb3ff199999999999a");
  EXPECT_EQ(number(0.0), "fb0000000000000000");
  EXPECT_EQ(number(-0.0), "fb8000000000000000");
  EXPECT_EQ(number(std::numeric_limits<double>::infinity()), "fb7ff0000000000000");
  EXPECT_EQ(number(-std::nan("7")), "fb7ff8000000000000");
}

TEST(Cbor, WritesTextBytesListsMapsAndSimpleValues) {
  EXPECT_EQ(written([](Writer& writer) { writer.text("\xc3\xbc"); }), "62c3bc");
  EXPECT_EQ(written([](Writer& writer) { writer.bytes("\x01\x02"); }), "420102");
  EXPECT_EQ(written([](Writer& writer) { writer.array(3); }), "83");
  EXPECT_EQ(written([](Writer& writer) { writer.map(2); }), "a2");
  EXPECT_EQ(written([](Writer& writer) { writer.boolean(true), writer.boolean(false), writer.null(); }),
            "f5f4f6");
}

TEST(Cbor, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(written([](Writer& writer) { writer.text("a\xff"); }), "6461efbfbd");
}

TEST(Cbor, KnowsUtf8FromWhatLooksLikeIt) {
  for (const auto* good : {"61", "c280", "e0a080", "ed9fbf", "f0908080", "f48fbfbf"}) {
    EXPECT_EQ(utf8_character_size(from_hex(good)), from_hex(good).size()) << good;
  }
  for (const auto* bad : {"80", "c1bf", "c2", "e09f80", "eda080", "f08f8080", "f4908080", "f5808080", "ff"}) {
    EXPECT_EQ(utf8_character_size(from_hex(bad)), 0u) << bad;
  }
}

TEST(Cbor, ReadsWhatItWrote) {
  Writer writer;
  writer.integer(-12345678901);
  writer.number(0.25);
  writer.text("name");
  writer.null();
  const auto bytes = writer.take();
  Reader reader(bytes);
  EXPECT_EQ(reader.integer(), -12345678901);
  EXPECT_EQ(reader.number(), 0.25);
  EXPECT_FALSE(reader.take_null());
  EXPECT_EQ(reader.text(), "name");
  EXPECT_TRUE(reader.take_null());
  reader.expect_end();
  EXPECT_TRUE(reader.ok());
}

TEST(Cbor, RefusesWhatIsNotDeterministic) {
  const auto read_integer = [](Reader& reader) { return reader.integer(); };
  EXPECT_NE(error_of("1817", read_integer), "");                                       // 23 in two bytes
  EXPECT_NE(error_of("1900ff", read_integer), "");                                     // 255 in three
  EXPECT_NE(error_of("1a0000ffff", read_integer), "");                                 // 65535 in five
  EXPECT_NE(error_of("1b00000000ffffffff", read_integer), "");                         // 2^32 - 1 in nine
  EXPECT_NE(error_of("5f4101ff", [](Reader& reader) { return reader.bytes(); }), "");  // indefinite length
  EXPECT_NE(error_of("f93c00", [](Reader& reader) { return reader.number(); }), "");   // 16-bit float
  EXPECT_NE(error_of("fb7ff8000000000001", [](Reader& reader) { return reader.number(); }), "");  // a NaN
  EXPECT_NE(error_of("c000", read_integer), "");                                                  // a tag
}

TEST(Cbor, RefusesIntegersThatDoNotFit) {
  const auto read_integer = [](Reader& reader) { return reader.integer(); };
  EXPECT_NE(error_of("1b8000000000000000", read_integer), "");
  EXPECT_NE(error_of("3b8000000000000000", read_integer), "");
  EXPECT_NE(error_of("20", [](Reader& reader) { return reader.unsigned_integer(); }), "");
}

TEST(Cbor, BelievesNoLengthThatIsLongerThanTheBytes) {
  EXPECT_NE(error_of("7bffffffffffffffff", [](Reader& reader) { return reader.text(); }), "");
  EXPECT_NE(error_of("5a7fffffff00", [](Reader& reader) { return reader.bytes(); }), "");
  EXPECT_NE(error_of("9a0fffffff00", [](Reader& reader) { return reader.array(); }), "");
  EXPECT_NE(error_of("ba0fffffff00", [](Reader& reader) { return reader.map(); }), "");
}

TEST(Cbor, RefusesTextThatIsNotUtf8AndBytesLeftOver) {
  EXPECT_NE(error_of("61ff", [](Reader& reader) { return reader.text(); }), "");
  EXPECT_NE(error_of("0000", [](Reader& reader) { return reader.integer(); }), "");
}

TEST(Cbor, NamesTheFieldOfTheFirstError) {
  Reader reader("\x61");
  reader.enter("metrics");
  reader.enter("name");
  static_cast<void>(reader.text());
  reader.leave();
  reader.fail("a later one");
  EXPECT_EQ(reader.error(), "field metrics.name: the bytes end too early");
}

TEST(Cbor, ReadsAnyBytesWithoutHarm) {
  std::mt19937 random(1);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes(random() % 24, '\0');
    for (auto& byte : bytes) byte = static_cast<char>(random());
    Reader reader(bytes);
    for (int step = 0; step < 8; ++step) {
      switch (random() % 6) {
        case 0:
          static_cast<void>(reader.integer());
          break;
        case 1:
          EXPECT_LE(reader.text().size(), bytes.size());
          break;
        case 2:
          EXPECT_LE(reader.array(), bytes.size());
          break;
        case 3:
          static_cast<void>(reader.number());
          break;
        case 4:
          EXPECT_LE(reader.bytes().size(), bytes.size());
          break;
        default:
          static_cast<void>(reader.take_null());
      }
    }
  }
}

}  // namespace
}  // namespace fedlog::storage::cbor
