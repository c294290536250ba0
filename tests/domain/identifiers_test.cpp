#include "domain/identifiers.h"

#include <gtest/gtest.h>

namespace fedlog::domain {
namespace {

TEST(Uuid, IsWrittenAsItWasRead) {
  const std::string text = "0191d2c4-7e5a-7abc-8def-0123456789ab";
  ASSERT_TRUE(Uuid::parse(text));
  EXPECT_EQ(Uuid::parse(text)->text(), text);
}

TEST(Uuid, IsReadInUpperCase) {
  EXPECT_EQ(Uuid::parse("0191D2C4-7E5A-7ABC-8DEF-0123456789AB")->text(),
            "0191d2c4-7e5a-7abc-8def-0123456789ab");
}

TEST(Uuid, RefusesEveryOtherForm) {
  for (const auto* text : {"", "abc", "0191d2c47e5a7abc8def0123456789ab",
                           "{0191d2c4-7e5a-7abc-8def-0123456789ab}", "0191d2c4-7e5a-7abc-8def-0123456789a",
                           "0191d2c4-7e5a-7abc-8def-0123456789abc", "0191d2c4-7e5a-7abc-8def-0123456789ag",
                           "0191d2c47-e5a-7abc-8def-0123456789ab", "0191d2c4-7e5a-7abc-8def-0123456789-b"}) {
    EXPECT_FALSE(Uuid::parse(text)) << text;
  }
}

TEST(BlobId, IsWrittenAsItWasRead) {
  const std::string text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  EXPECT_EQ(BlobId::parse(text)->text(), text);
  EXPECT_FALSE(BlobId::parse(text.substr(1)));
}

TEST(Timestamp, IsWrittenInUtcWithMicroseconds) {
  EXPECT_EQ(Timestamp{0}.text(), "1970-01-01T00:00:00.000000Z");
  EXPECT_EQ(Timestamp{1769847300000123}.text(), "2026-01-31T08:15:00.000123Z");
  EXPECT_EQ(Timestamp{-1}.text(), "1969-12-31T23:59:59.999999Z");
}

}  // namespace
}  // namespace fedlog::domain
