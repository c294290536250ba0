#include "http/metric_values.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

#include "http/text.h"

namespace fedlog::http {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

TEST(PythonFloat, ReadsWhatPythonReads) {
  const std::pair<const char*, double> cases[] = {
      {"0.5", 0.5},        {" 1 ", 1},
      {"\n-2.5\t", -2.5},  {"+3", 3},
      {".5", 0.5},         {"5.", 5},
      {"1e5", 100000},     {"1E-2", 0.01},
      {"1_000", 1000},     {"1_0.2_5", 10.25},
      {"inf", infinity},   {"-Infinity", -infinity},
      {"1e999", infinity}, {"-1e999", -infinity},
      {"1e-999", 0},       {"0x10", NAN},
  };
  for (const auto& [text, expected] : cases) {
    const auto number = parse_python_float(text);
    if (std::isnan(expected)) {
      EXPECT_FALSE(number) << text;
    } else {
      EXPECT_EQ(number, expected) << text;
    }
  }
  EXPECT_TRUE(std::isnan(parse_python_float("NaN").value()));
}

TEST(PythonFloat, ReadsTheDigitsOfAllScripts) {
  const std::pair<const char*, double> cases[] = {
      {"\u0661\u0662.\u0665", 12.5},  // Arabic
      {"\uff11\uff12.\uff15", 12.5},  // full width
      {"-\u0967_\u0968", -12},        // Devanagari
      {"\u0661e\uff12", 100},         // mixed
      {"\U0001D7D9\U0001D7FF", 19},   // mathematical
      {"\u30003\u00a0", 3},          {"\u20282\u0085", 2},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(parse_python_float(text), expected) << text;
  // Arabic and full-width points, a real minus sign, a superscript, a Roman numeral, an invisible space.
  for (const char* text :
       {"\u0661\u066b\u0665", "\uff11\uff0e\uff15", "\u22121", "\u00b2", "\u2167", "\u200b1",
        "\x1c"
        "1",
        "\xd9", "1\xff"}) {
    EXPECT_FALSE(parse_python_float(text)) << text;
  }
}

TEST(PythonFloat, LeavesAllElseAsText) {
  for (const char* text : {"", " ", ".", "1e", "e5", "_1", "1_", "1__0", "1_.0", "i_nf", "nan(1)", "infx",
                           "+-1", "--1", "1 2", "0x1p3", "hello", "1,5"}) {
    EXPECT_FALSE(parse_python_float(text)) << text;
  }
}

TEST(PythonInteger, ReadsWhatPythonReadsWithin64Bits) {
  EXPECT_EQ(parse_python_integer(" +1_000 "), 1000);
  EXPECT_EQ(parse_python_integer("-7"), -7);
  EXPECT_EQ(parse_python_integer("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(parse_python_integer("\u3000\uff11\u0662 "), 12);
  for (const char* text : {"", "-", "+", "1.0", "1_", "_1", "1__0", "x", "9223372036854775808", "0x1"}) {
    EXPECT_FALSE(parse_python_integer(text)) << text;
  }
}

TEST(Stripped, TakesAllWhiteSpaceOffTheEnds) {
  EXPECT_EQ(stripped(" \x1c\u3000a\u00a0b\u2003\n"), "a\u00a0b");
  EXPECT_EQ(stripped("\u2028 \u0085"), "");
  EXPECT_EQ(stripped("\u200b"), "\u200b");
  EXPECT_EQ(stripped("\x85\xc2"), "\x85\xc2");
}

TEST(PythonUuid, ReadsEveryWayOfWritingOne) {
  const std::string canonical = "00112233-4455-6677-8899-aabbccddeeff";
  for (const char* text :
       {"00112233-4455-6677-8899-aabbccddeeff", "00112233445566778899AABBCCDDEEFF",
        "{00112233-4455-6677-8899-aabbccddeeff}", "urn:uuid:00112233-4455-6677-8899-aabbccddeeff"}) {
    ASSERT_TRUE(parse_python_uuid(text)) << text;
    EXPECT_EQ(parse_python_uuid(text)->text(), canonical);
  }
  for (const char* text : {"", "abc", "00112233-4455-6677-8899-aabbccddeefg"}) {
    EXPECT_FALSE(parse_python_uuid(text)) << text;
  }
  EXPECT_FALSE(parse_python_uuid(std::string(1 << 20, '-')));
}

TEST(Base64, PadsToGroupsOfFour) {
  const auto encode_base64 = [](std::string_view bytes) {
    std::string text;
    append_base64(text, bytes);
    EXPECT_EQ(text.size(), base64_length(bytes.size()));
    return text;
  };
  EXPECT_EQ(encode_base64(""), "");
  EXPECT_EQ(encode_base64("f"), "Zg==");
  EXPECT_EQ(encode_base64("fo"), "Zm8=");
  EXPECT_EQ(encode_base64("hello"), "aGVsbG8=");
  EXPECT_EQ(encode_base64(std::string("\xff\x00\xfe", 3)), "/wD+");
}

FormData form_of(std::vector<NameValue> fields) {
  FormData form;
  form.fields = std::move(fields);
  return form;
}

std::string refusal(const FormData& form, bool required = true) {
  const auto metrics = read_metrics(form, required);
  return metrics ? "" : std::get<std::string>(metrics.error().body);
}

TEST(Metrics, AreRepeatedFieldsOfAForm) {
  const auto metrics = read_metrics(form_of({{"metric_names", " f1_score"},
                                             {"metric_values", "0.5"},
                                             {"metric_names", "note"},
                                             {"metric_values", "hello"}}),
                                    true);
  ASSERT_TRUE(metrics);
  ASSERT_EQ(metrics->size(), 2U);
  EXPECT_EQ(metrics->at(0).name, " f1_score");
  EXPECT_EQ(std::get<double>(metrics->at(0).value), 0.5);
  EXPECT_EQ(std::get<std::string>(metrics->at(1).value), "hello");
}

TEST(Metrics, AreListsOrSingleValuesInJson) {
  FormData form;
  form.document = {{"metric_names", {"a", "b"}}, {"metric_values", {1, "2.5"}}};
  auto metrics = read_metrics(form, true);
  ASSERT_TRUE(metrics);
  EXPECT_EQ(std::get<double>(metrics->at(0).value), 1.0);
  EXPECT_EQ(std::get<double>(metrics->at(1).value), 2.5);
  form.document = {{"metric_names", "a"}, {"metric_values", 3}};
  metrics = read_metrics(form, true);
  ASSERT_TRUE(metrics);
  EXPECT_EQ(std::get<double>(metrics->at(0).value), 3.0);
}

TEST(Metrics, AreRefusedWhenNamesAndValuesDoNotMatch) {
  const std::string missing = R"({"detail":"Metric names or values are missing"})";
  EXPECT_EQ(refusal(form_of({{"metric_names", "loss"}})), missing);
  EXPECT_EQ(refusal(form_of({{"metric_values", "1"}})), missing);
  EXPECT_EQ(refusal(form_of({})), missing);
  EXPECT_EQ(refusal(form_of({}), false), "");
  EXPECT_EQ(refusal(form_of({{"metric_names", "loss"}}), false), missing);
  EXPECT_EQ(refusal(form_of({{"metric_names", "a"}, {"metric_names", "b"}, {"metric_values", "1"}})),
            R"({"detail":"Metric names and values must have the same length"})");
}

TEST(Metrics, AreRefusedWithNamesOrValuesThatCannotBeKept) {
  EXPECT_EQ(refusal(form_of({{"metric_names", std::string(33, 'x')}, {"metric_values", "1"}})),
            R"({"metric_names":["Ensure this field has no more than 32 characters."]})");
  std::string umlauts;
  for (int count = 0; count < 32; ++count) umlauts += "\xc3\xa4";
  EXPECT_EQ(refusal(form_of({{"metric_names", umlauts}, {"metric_values", "1"}})), "");
  FormData form;
  form.document = {{"metric_names", {"a"}}, {"metric_values", {nullptr}}};
  EXPECT_EQ(refusal(form), R"({"metric_values":["Each value must be a number or text."]})");
  form.document = {{"metric_names", {1}}, {"metric_values", {1}}};
  EXPECT_EQ(refusal(form), R"({"metric_names":["Not a valid string."]})");
  std::vector<NameValue> many;
  for (int count = 0; count < 257; ++count) {
    many.emplace_back("metric_names", "a");
    many.emplace_back("metric_values", "1");
  }
  EXPECT_EQ(refusal(form_of(many)),
            R"({"metric_names":["Ensure this field has no more than 256 elements."],)"
            R"("metric_values":["Ensure this field has no more than 256 elements."]})");
}

}  // namespace
}  // namespace fedlog::http
