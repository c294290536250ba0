#include "http/form.h"

#include <gtest/gtest.h>

#include <string>

namespace fedlog::http {
namespace {

using Fields = std::vector<NameValue>;

TEST(Urlencoded, KeepsOrderAndRepetition) {
  EXPECT_EQ(parse_urlencoded("b=2&a=1&b=3"), (Fields{{"b", "2"}, {"a", "1"}, {"b", "3"}}));
}

TEST(Urlencoded, DecodesPlusAndPercentOnce) {
  EXPECT_EQ(parse_urlencoded("a+b=c%20d%2526%C3%A9"), (Fields{{"a b", "c d%26\u00e9"}}));
}

TEST(Urlencoded, ReadsFieldsWithoutValueAndSkipsEmptyOnes) {
  EXPECT_EQ(parse_urlencoded("&&name=&flag&=x&a=b=c"),
            (Fields{{"name", ""}, {"flag", ""}, {"", "x"}, {"a", "b=c"}}));
  EXPECT_EQ(parse_urlencoded(""), Fields{});
}

TEST(Urlencoded, KeepsBrokenEscapesAndMendsBrokenUtf8) {
  EXPECT_EQ(parse_urlencoded("a=%zz%4&b=%ff"), (Fields{{"a", "%zz%4"}, {"b", "\uFFFD"}}));
}

TEST(Urlencoded, RefusesMoreFieldsThanItsLimit) {
  EXPECT_TRUE(parse_urlencoded("a&b&c", 3));
  EXPECT_EQ(parse_urlencoded("a&b&c&d", 3).error(), "more than 3 fields");
}

TEST(PercentDecode, StrictlyRefusesBrokenEscapes) {
  EXPECT_EQ(percent_decode_strictly("/a%2fb+c"), "/a/b+c");
  for (const std::string text : {"%", "%4", "%zz", "a%4", "%%41"})
    EXPECT_FALSE(percent_decode_strictly(text)) << text;
}

TEST(Utf8, KnowsOverlongFormsSurrogatesAndTheEndOfUnicode) {
  for (const std::string text : {"\u00e9\u20ac\U0001F600", "\xF4\x8F\xBF\xBF", ""})
    EXPECT_TRUE(is_valid_utf8(text));
  for (const std::string text : {"\xC0\x80", "\xC1\xBF", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80",
                                 "\xF4\x90\x80\x80", "\xF5", "\x80", "\xE2\x82", "\xF0\x9F\x98"}) {
    EXPECT_FALSE(is_valid_utf8(text));
    EXPECT_TRUE(is_valid_utf8(mended_utf8(text)));
  }
  EXPECT_EQ(valid_utf8_prefix("ab\xFF"), 2U);
  EXPECT_EQ(mended_utf8("a\xFF\xC3\xA9"), "a\uFFFD\u00e9");
}

}  // namespace
}  // namespace fedlog::http
