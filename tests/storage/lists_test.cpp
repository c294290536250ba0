#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "storage/index_cursor.h"
#include "storage/memory_tables.h"
#include "storage/overlay.h"
#include "storage/view_keys.h"
#include "storage/view_rows.h"
#include "storage/views.h"
#include "tests/storage/counting_reader.h"
#include "tests/storage/examples.h"
#include "tests/storage/rows_of.h"

namespace fedlog::storage {
namespace {

using namespace testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SameKey final : public KeyRing {
 public:
  std::optional<UserKey> key_of(domain::UserId) const override { return UserKey{1}; }
  std::string lookup_digest(std::string_view text) const override { return std::string(text); }
};

// Views of rows that tests write as projection does.
class Lists : public ::testing::Test {
 protected:
  void put_entry(const std::string& index, std::uint64_t position, const std::string& value = "") {
    writer_.put(index + big_endian(position), value);
  }
  std::vector<std::uint64_t> positions_together(const std::vector<std::string>& indexes) {
    std::vector<std::uint64_t> positions;
    visit_together(reader_, indexes, [&](const IndexEntry& entry) {
      positions.push_back(entry.position);
      return true;
    });
    return positions;
  }

  void add_users(int count) {
    for (int added = 0; added < count; ++added) {
      domain::User user;
      user.id.uuid.bytes[14] = static_cast<std::uint8_t>(++users_ >> 8);
      user.id.uuid.bytes[15] = static_cast<std::uint8_t>(users_);
      user.username.text = "user " + std::to_string(users_);
      write_user(writer_, keys_, {users_, user});
      writer_.put(view_keys::user_by_position(users_), view_keys::bytes_of(user.id));
      change_count(writer_, view_keys::user_count, 1);
    }
  }
  void add_metrics(int count) {
    for (int added = 0; added < count; ++added) {
      write_metric(writer_,
                   {.id = ++metrics_, .model = model_id(1), .reporter = {}, .step = 0, .metric = {}});
    }
    change_count(writer_, view_keys::metric_count(model_id(1)), count);
  }
  // What a page of 20 from `offset` on costs, with the number of all.
  template <class T>
  std::size_t cost_of_page(const List<T>& list, std::uint64_t offset) {
    const auto before = reader_.reads();
    static_cast<void>(list.count());
    std::size_t seen = 0;
    list.visit([&](T) { return ++seen < 20; }, offset);
    EXPECT_EQ(seen, 20U);
    return reader_.reads() - before;
  }

  MemoryTables tables_;
  Overlay overlay_{tables_};
  ViewWriter writer_{overlay_};
  CountingReader reader_{writer_};
  SameKey keys_;
  Views views_{reader_, keys_};
  std::uint64_t users_ = 0;
  std::int64_t metrics_ = 0;
};

TEST_F(Lists, AreReadAlongAnIndexHoweverLongItIs) {
  for (std::uint64_t position = 1; position <= 200; ++position) put_entry("a/", position * 3);
  const auto positions = positions_together({"a/"});
  ASSERT_THAT(positions, SizeIs(200));
  for (std::size_t index = 0; index < 200; ++index) EXPECT_EQ(positions[index], (index + 1) * 3);
}

TEST_F(Lists, OfSeveralReasonsAreInOneOrderWithEachEntryOnce) {
  for (const auto position : {1, 4, 5, 300}) put_entry("a/", static_cast<std::uint64_t>(position));
  for (const auto position : {2, 4, 256, 301}) put_entry("b/", static_cast<std::uint64_t>(position));
  EXPECT_THAT(positions_together({"a/", "b/"}), ElementsAre(1, 2, 4, 5, 256, 300, 301));
  EXPECT_THAT(positions_together({"a/", "c/"}), ElementsAre(1, 4, 5, 300));
  EXPECT_THAT(positions_together({"c/", "d/"}), IsEmpty());
}

TEST_F(Lists, EndAtTheLastPositionThereCanBe) {
  put_entry("a/", UINT64_MAX);
  EXPECT_THAT(positions_together({"a/"}), ElementsAre(UINT64_MAX));
}

TEST_F(Lists, StopWhenTheVisitorHasEnoughAndBeginWhereItWants) {
  add_users(5);
  std::vector<std::string> names;
  views_.users().visit(
      [&](const domain::User& user) {
        names.push_back(user.username.text);
        return names.size() < 2;
      },
      2);
  EXPECT_THAT(names, ElementsAre("user 3", "user 4"));
  names.clear();
  views_.users().visit(
      [&](const domain::User& user) {
        names.push_back(user.username.text);
        return true;
      },
      5);
  EXPECT_THAT(names, IsEmpty());
}

TEST_F(Lists, LeaveOutARowThatWentSinceTheIndexWasRead) {
  add_users(3);
  domain::UserId second;
  second.uuid.bytes[15] = 2;
  writer_.erase(view_keys::user(second));
  EXPECT_THAT(rows_of(views_.users()), SizeIs(2));
}

TEST_F(Lists, OfNothingAreEmpty) {
  EXPECT_EQ(List<domain::Model>{}.count(), 0U);
  EXPECT_THAT(rows_of(List<domain::Model>{}), IsEmpty());
  EXPECT_EQ(views_.users().count(), 0U);
  EXPECT_THAT(rows_of(views_.metrics_of(model_id(1))), IsEmpty());
}

TEST_F(Lists, CostWhatAPageShowsHoweverManyUsersThereAre) {
  add_users(100);
  const auto before = cost_of_page(views_.users(), 0);
  add_users(1000);
  EXPECT_EQ(cost_of_page(views_.users(), 0), before);
  EXPECT_LT(before, 100U);
  // What the guard must catch: a page cut out of all rows, and a number that is counted by reading.
  const auto reads = reader_.reads();
  EXPECT_THAT(rows_of(views_.users()), SizeIs(1100));
  EXPECT_GT(reader_.reads() - reads, 1100U);
}

TEST_F(Lists, ReadNoRowThatAPageSkips) {
  add_users(1100);
  const auto entries_of_the_index = 1000U;
  EXPECT_LE(cost_of_page(views_.users(), 1000), cost_of_page(views_.users(), 0) + entries_of_the_index);
}

TEST_F(Lists, CostWhatAPageShowsHoweverManyMetricsThereAre) {
  add_metrics(100);
  const auto before = cost_of_page(views_.metrics_of(model_id(1)), 0);
  add_metrics(1000);
  EXPECT_EQ(cost_of_page(views_.metrics_of(model_id(1)), 0), before);
  EXPECT_EQ(views_.metrics_of(model_id(1)).count(), 1100U);
}

}  // namespace
}  // namespace fedlog::storage
