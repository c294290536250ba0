#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "config/keys.h"

namespace fedlog::config {
namespace {

std::string committed_sample() {
  std::ostringstream content;
  content << std::ifstream(FEDLOG_SAMPLE_CONFIGURATION).rdbuf();
  return content.str();
}

TEST(Sample, IsTheCommittedFile) {
  if (std::getenv("FEDLOG_WRITE_SAMPLE") != nullptr) std::ofstream(FEDLOG_SAMPLE_CONFIGURATION) << sample();
  EXPECT_EQ(committed_sample(), sample()) << "config/fedlog.toml is behind the table in config/keys.cpp: run "
                                             "this test with FEDLOG_WRITE_SAMPLE=1";
}

TEST(Sample, LoadsAsItIsAndWithEveryKeyTakenFromItsComment) {
  const auto path = std::filesystem::temp_directory_path() / "fedlog-sample-test.toml";
  const std::string uncommented = std::regex_replace(sample(), std::regex("\n#([a-z_]+ = )"), "\n$1");
  ASSERT_NE(uncommented, sample());
  for (const std::string& text : {sample(), uncommented}) {
    std::ofstream(path) << text;
    const auto settings = load(path, {}, {});
    ASSERT_TRUE(settings) << settings.error();
    for (const Key& key : keys()) EXPECT_EQ(key.get(*settings), key.get(Settings{})) << key.name;
  }
  std::filesystem::remove(path);
}

TEST(Keys, HaveEachANameOfItsOwnAndADefaultThatIsAllowed) {
  std::set<std::string_view> names;
  for (const Key& key : keys()) {
    EXPECT_TRUE(names.insert(key.name).second) << key.name;
    const Value value = key.get(Settings{});
    if (const std::int64_t* number = std::get_if<std::int64_t>(&value)) {
      EXPECT_GE(*number, key.range.min) << key.name;
      EXPECT_LE(*number, key.range.max) << key.name;
    }
  }
}

TEST(Keys, ChangeNothingButTheirOwnMember) {
  for (const Key& key : keys()) {
    Settings settings;
    Value value = key.get(settings);
    if (bool* boolean = std::get_if<bool>(&value)) *boolean = !*boolean;
    if (std::int64_t* number = std::get_if<std::int64_t>(&value)) *number += 1;
    if (std::string* text = std::get_if<std::string>(&value))
      *text = key.choices.empty() ? "other" : key.choices[1];
    if (auto* list = std::get_if<std::vector<std::string>>(&value)) list->push_back("other");
    key.set(settings, value);
    for (const Key& other : keys()) {
      const bool same = other.get(settings) == other.get(Settings{});
      EXPECT_EQ(same, other.name != key.name || value == key.get(Settings{}))
          << other.name << " after " << key.name;
    }
  }
}

}  // namespace
}  // namespace fedlog::config
