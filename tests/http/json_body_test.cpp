#include "http/json_body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace fedlog::http {
namespace {

std::string error_of(std::string_view text) {
  const auto parsed = parse_json(text);
  return parsed ? "no error" : parsed.error();
}

TEST(JsonBody, ReadsEveryKindOfValue) {
  const auto parsed =
      parse_json(R"( {"a": [1, -2, 0.5, 1e2, true, false, null], "b": {"c": "d"}, "e": [], "f": {}} )");
  ASSERT_TRUE(parsed) << parsed.error();
  EXPECT_EQ(*parsed,
            nlohmann::json::parse(
                R"({"a": [1, -2, 0.5, 100.0, true, false, null], "b": {"c": "d"}, "e": [], "f": {}})"));
  EXPECT_TRUE((*parsed)["a"][0].is_number_integer());
  EXPECT_TRUE((*parsed)["a"][3].is_number_float());
}

TEST(JsonBody, SaysWhatIsWrongInPythonsWords) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{not json", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"},
      {R"({"name": })", "Expecting value: line 1 column 10 (char 9)"},
      {"", "Expecting value: line 1 column 1 (char 0)"},
      {"  ", "Expecting value: line 1 column 3 (char 2)"},
      {"1 2", "Extra data: line 1 column 3 (char 2)"},
      {"01", "Extra data: line 1 column 2 (char 1)"},
      {"1.", "Extra data: line 1 column 2 (char 1)"},
      {"1e", "Extra data: line 1 column 2 (char 1)"},
      {"-", "Expecting value: line 1 column 1 (char 0)"},
      {"nul", "Expecting value: line 1 column 1 (char 0)"},
      {"[", "Expecting value: line 1 column 2 (char 1)"},
      {"[1", "Expecting ',' delimiter: line 1 column 3 (char 2)"},
      {"[1,]", "Expecting value: line 1 column 4 (char 3)"},
      {"[1\n,\n x]", "Expecting value: line 3 column 2 (char 6)"},
      {"{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"},
      {R"({"a":1,})", "Expecting property name enclosed in double quotes: line 1 column 8 (char 7)"},
      {R"({"a" 1})", "Expecting ':' delimiter: line 1 column 6 (char 5)"},
      {R"({"a":)", "Expecting value: line 1 column 6 (char 5)"},
      {R"({"a":1 "b"})", "Expecting ',' delimiter: line 1 column 8 (char 7)"},
      {"\"abc", "Unterminated string starting at: line 1 column 1 (char 0)"},
      {"\"\\", "Unterminated string starting at: line 1 column 1 (char 0)"},
      {"\"a\nb\"", "Invalid control character at: line 1 column 3 (char 2)"},
      {"\"\u00e9\n", "Invalid control character at: line 1 column 3 (char 2)"},
      {R"("\x")", "Invalid \\escape: line 1 column 2 (char 1)"},
      {R"("\uzzzz")", "Invalid \\uXXXX escape: line 1 column 3 (char 2)"},
      {R"("\u12)", "Invalid \\uXXXX escape: line 1 column 3 (char 2)"},
      {"\xEF\xBB\xBF"
       "1",
       "Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)"},
      {"{\"name\": \"\xff\"}", "'utf-8' codec can't decode byte 0xff in position 10: invalid start byte"},
      {"\"a\xc3(\"", "'utf-8' codec can't decode byte 0xc3 in position 2: invalid continuation byte"},
  };
  for (const auto& [text, message] : cases) EXPECT_EQ(error_of(text), message) << text;
}

TEST(JsonBody, RefusesNumbersThatAreNotFinite) {
  for (const std::string text : {"NaN", "[Infinity]", "-Infinity", "1e999", "-1e999"}) {
    EXPECT_THAT(error_of(text), ::testing::StartsWith("Out of range float values are not JSON compliant"))
        << text;
  }
  EXPECT_EQ(parse_json("1e-999"), nlohmann::json(0.0));
}

TEST(JsonBody, KeepsSixtyFourBitIntegersExactlyAndLargerOnesAsFloats) {
  EXPECT_EQ(parse_json("-9223372036854775808")->get<std::int64_t>(), INT64_MIN);
  EXPECT_EQ(parse_json("18446744073709551615")->get<std::uint64_t>(), UINT64_MAX);
  EXPECT_TRUE(parse_json("18446744073709551616")->is_number_float());
}

TEST(JsonBody, DecodesEscapes) {
  EXPECT_EQ(parse_json(R"("\"\\\/\b\f\n\r\t\u0041\u00e9\u20ac\ud83d\ude00")"),
            nlohmann::json("\"\\/\b\f\n\r\tA\u00e9\u20ac\U0001F600"));
}

TEST(JsonBody, RefusesHalfACharacter) {
  for (const std::string text :
       {R"("\ud83d")", R"("\ude00")", R"("\ud83d\u0041")", R"("\ud83d\x")", R"("\ud83d\u")"}) {
    EXPECT_THAT(error_of(text), ::testing::StartsWith("Invalid \\uXXXX escape")) << text;
  }
}

TEST(JsonBody, TakesTheLastOfARepeatedKey) {
  EXPECT_EQ(parse_json(R"({"a": 1, "a": 2})"), nlohmann::json({{"a", 2}}));
}

TEST(JsonBody, RefusesToNestDeeperThanItsLimit) {
  EXPECT_TRUE(parse_json(std::string(64, '[') + std::string(64, ']')));
  EXPECT_EQ(error_of(std::string(65, '[') + std::string(65, ']')), "nested deeper than 64 levels");
  EXPECT_TRUE(parse_json(std::string(64, '[') + "1" + std::string(64, ']')));
  EXPECT_EQ(error_of(std::string(1'000'000, '[')), "nested deeper than 64 levels");
}

TEST(JsonBody, RefusesMoreValuesThanItsLimit) {
  const JsonLimits four{.values_max = 4};
  EXPECT_TRUE(parse_json(R"({"a": [1, "b"]})", four));
  EXPECT_EQ(parse_json(R"({"a": [1, "b", {}]})", four).error(), "more than 4 values");
  EXPECT_EQ(parse_json("[[],[],[],[]]", four).error(), "more than 4 values");
  std::string lists = "[[]";
  for (int number = 0; number < 10'000; ++number) lists += ",[]";
  EXPECT_EQ(error_of(lists + "]"), "more than 10000 values");
}

}  // namespace
}  // namespace fedlog::http
