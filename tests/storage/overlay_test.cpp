#include "storage/overlay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "storage/memory_tables.h"

namespace fedlog::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class OverlayOfTwoRows : public ::testing::Test {
 protected:
  OverlayOfTwoRows() {
    Changes changes;
    changes[static_cast<std::size_t>(Table::views)] = {{"a1", "one"}, {"a3", "three"}, {"b", "other"}};
    static_cast<void>(base_.write(changes, Durability::synced));
  }

  std::vector<std::string> scanned(std::string_view prefix, std::string_view from = {}) {
    std::vector<std::string> found;
    overlay_.scan(Table::views, prefix, from, [&](std::string_view key, std::string_view value) {
      found.push_back(std::string(key) + "=" + std::string(value));
      return true;
    });
    return found;
  }

  MemoryTables base_;
  Overlay overlay_{base_};
};

TEST_F(OverlayOfTwoRows, ReadsThroughToTheBase) {
  EXPECT_EQ(overlay_.get(Table::views, "a1"), "one");
  EXPECT_FALSE(overlay_.get(Table::meta, "a1"));
  EXPECT_THAT(scanned("a"), ElementsAre("a1=one", "a3=three"));
}

TEST_F(OverlayOfTwoRows, ShowsItsChangesAmongTheBasesRowsInOrder) {
  overlay_.put(Table::views, "a0", "zero");
  overlay_.put(Table::views, "a2", "two");
  overlay_.put(Table::views, "a3", "THREE");
  overlay_.put(Table::views, "a4", "four");
  overlay_.erase(Table::views, "a1");
  EXPECT_THAT(scanned("a"), ElementsAre("a0=zero", "a2=two", "a3=THREE", "a4=four"));
  EXPECT_THAT(scanned("a", "a3"), ElementsAre("a3=THREE", "a4=four"));
  EXPECT_THAT(scanned(""), ElementsAre("a0=zero", "a2=two", "a3=THREE", "a4=four", "b=other"));
  EXPECT_FALSE(overlay_.get(Table::views, "a1"));
  EXPECT_EQ(base_.get(Table::views, "a1"), "one");
}

TEST_F(OverlayOfTwoRows, StopsWhenTheVisitorHasEnough) {
  overlay_.put(Table::views, "a2", "two");
  for (std::size_t limit = 1; limit <= 3; ++limit) {
    std::size_t visited = 0;
    overlay_.scan(Table::views, "a", {}, [&](auto, auto) { return ++visited < limit; });
    EXPECT_EQ(visited, limit);
  }
}

TEST_F(OverlayOfTwoRows, KnowsItsLastRow) {
  EXPECT_EQ(overlay_.last(Table::views)->first, "b");
  overlay_.put(Table::views, "c", "last");
  EXPECT_EQ(overlay_.last(Table::views)->first, "c");
  overlay_.erase(Table::views, "c");
  EXPECT_EQ(overlay_.last(Table::views)->first, "b");
  overlay_.erase(Table::views, "b");
  EXPECT_EQ(overlay_.last(Table::views)->first, "a3");
  EXPECT_FALSE(overlay_.last(Table::log));
}

TEST_F(OverlayOfTwoRows, LeavesNoTraceUnlessItIsMerged) {
  Overlay dropped(overlay_);
  dropped.put(Table::views, "a2", "two");
  EXPECT_TRUE(overlay_.empty());
  Overlay merged(overlay_);
  merged.put(Table::views, "a2", "two");
  overlay_.put_all(merged.take());
  EXPECT_EQ(overlay_.get(Table::views, "a2"), "two");
}

}  // namespace
}  // namespace fedlog::storage
