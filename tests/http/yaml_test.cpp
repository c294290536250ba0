#include "http/yaml.h"

#include <gtest/gtest.h>

namespace fedlog::http {
namespace {

TEST(Yaml, WritesObjectsAndListsInBlocks) {
  const Body value =
      Body::parse(R"({"openapi":"3.0.3","tags":[{"name":"User","deep":[[1,2],[]]},"a"],"none":{}})");
  EXPECT_EQ(to_yaml(value),
            "openapi: \"3.0.3\"\n"
            "tags:\n"
            "  - name: User\n"
            "    deep:\n"
            "      - - 1\n"
            "        - 2\n"
            "      - []\n"
            "  - a\n"
            "none: {}\n");
}

TEST(Yaml, KeepsTheKindOfScalars) {
  EXPECT_EQ(to_yaml(Body::parse(R"([null, true, -3, 0.25, 1e-5, 1e300])")),
            "- null\n- true\n- -3\n- 0.25\n- 1.0e-05\n- 1.0e+300\n");
}

TEST(Yaml, QuotesTextThatCouldBeTakenForSomethingElse) {
  for (const std::string text :
       {"yes",        "No",  "NULL", "true", "on", "y",  "~",  "",   "1",  "1e5", "0x1F",
        "2026-01-31", "- a", "a: b", "a #b", " a", "a ", "&a", "*a", "!a", "{a}", "[a]",
        "%a",         "@a",  "'a'",  ".inf", "<<", "=",  "?",  "|",  ">",  "a-b", "12:30:45"}) {
    EXPECT_EQ(to_yaml(text), "\"" + text + "\"\n");
  }
  EXPECT_EQ(to_yaml("plain_Word2"), "plain_Word2\n");
  EXPECT_EQ(to_yaml(Body{{"200", 1}, {"$ref", 2}}), "\"200\": 1\n\"$ref\": 2\n");
}

TEST(Yaml, EscapesWhatIsNotPrintableAscii) {
  EXPECT_EQ(to_yaml("say \"hi\" \\ \n\t\r"), "\"say \\\"hi\\\" \\\\ \\n\\u0009\\u000D\"\n");
  EXPECT_EQ(to_yaml(std::string{"\0\x7f", 2}), "\"\\u0000\\u007F\"\n");
  EXPECT_EQ(to_yaml("\u00fc\u2028\U0001F600"), "\"\\u00FC\\u2028\\U0001F600\"\n");
  EXPECT_EQ(to_yaml("broken \xff\xc3"), "\"broken \\uFFFD\\uFFFD\"\n");
}

}  // namespace
}  // namespace fedlog::http
