#include "http/json_text.h"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace fedlog::http {
namespace {

std::string number(double value) {
  std::string json;
  append_json_number(json, value);
  return json;
}

std::string text(std::string_view value) {
  std::string json;
  append_json_text(json, value);
  return json;
}

TEST(JsonText, HasNumbersInTheDigitsOfPython) {
  const std::pair<double, const char*> cases[] = {
      {0.0, "0.0"},
      {-0.0, "-0.0"},
      {1.0, "1.0"},
      {-2.5, "-2.5"},
      {0.1, "0.1"},
      {100000.0, "100000.0"},
      {1e15, "1000000000000000.0"},
      {1e16, "1e+16"},
      {0.0001, "0.0001"},
      {0.00001, "1e-05"},
      {1.5e-7, "1.5e-07"},
      {std::numeric_limits<double>::max(), "1.7976931348623157e+308"},
      {5e-324, "5e-324"},
      {1.0 / 3, "0.3333333333333333"},
  };
  for (const auto& [value, expected] : cases) {
    EXPECT_EQ(number(value), expected);
    EXPECT_EQ(nlohmann::json::parse(number(value)).get<double>(), value);
  }
}

TEST(JsonText, SurvivesEveryCharacter) {
  std::string all;
  for (int c = 0; c < 128; ++c) all += static_cast<char>(c);
  all += "\u00fc\u20ac\U0001f600";
  EXPECT_EQ(nlohmann::json::parse(text(all)), all);
  EXPECT_EQ(text("say \"hi\"\n\x01"), R"("say \"hi\"\n\u0001")");
}

}  // namespace
}  // namespace fedlog::http
