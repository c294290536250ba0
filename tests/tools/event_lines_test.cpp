#include "tools/event_lines.h"

#include <gtest/gtest.h>

namespace fedlog::tools {
namespace {

nlohmann::ordered_json envelope(nlohmann::ordered_json payload) {
  return {{"position", 12},
          {"stream", "model/0f000000-0000-0000-0000-000000000001"},
          {"version", 3},
          {"type", "MetricsReported"},
          {"time", "2026-01-31T08:15:00.000123Z"},
          {"payload", std::move(payload)}};
}

const std::string beginning =
    "12     2026-01-31T08:15:00.000123Z model/0f000000-0000-0000-0000-000000000001@3       MetricsReported   "
    "   ";

TEST(ReadableLines, BeginWithWhereAndWhenAndWhat) {
  EXPECT_EQ(readable(envelope(nlohmann::ordered_json::object())), beginning);
}

TEST(ReadableLines, NameEachField) {
  EXPECT_EQ(readable(envelope({{"step", 4}, {"done", true}, {"name", "mnist"}})),
            beginning + " step=4 done=true name=mnist");
}

TEST(ReadableLines, NameFieldsWithinFields) {
  EXPECT_EQ(readable(envelope({{"notification", {{"kind", "TRAINING_START"}, {"to", {{"id", 1}}}}}})),
            beginning + " notification.kind=TRAINING_START notification.to.id=1");
}

TEST(ReadableLines, LeaveOutWhatIsEmpty) {
  EXPECT_EQ(readable(envelope({{"members", nlohmann::json::array()}, {"shape", nullptr}, {"step", 0}})),
            beginning + " step=0");
}

TEST(ReadableLines, QuoteTextThatWouldBeTakenForSomethingElse) {
  EXPECT_EQ(readable(envelope(
                {{"a", "two words"}, {"b", ""}, {"c", "line\nbreak"}, {"d", "\x1b[31m"}, {"e", "\"q\""}})),
            beginning + R"( a="two words" b="" c="line\nbreak" d="\u001b[31m" e="\"q\"")");
}

TEST(ReadableLines, KeepListsAsTheyAre) {
  EXPECT_EQ(readable(envelope({{"members", {1, 2}}, {"names", {"a", "b"}}})),
            beginning + R"( members=[1,2] names=["a","b"])");
}

TEST(ReadableLines, SurviveTextThatIsNotUtf8) {
  EXPECT_EQ(readable(envelope({{"name", "\xff"}})), beginning + " name=\xef\xbf\xbd");
}

}  // namespace
}  // namespace fedlog::tools
