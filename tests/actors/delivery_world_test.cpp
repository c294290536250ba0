#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <queue>

#include "tests/actors/deliveries.h"

namespace fedlog::actors {
namespace {

using namespace testing;
using domain::DeliveryOutcome;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Ge;
using ::testing::Le;
using ::testing::SizeIs;
using Instant = DeliverySchedule::Instant;

std::uint8_t number_of(const domain::Uuid& uuid) {
  return uuid.bytes[15];
}

// Time goes on from one thing that happens to the next: endpoints answer when a test says so, and settlements
// are recorded at once.
class World : public Deliveries {
 protected:
  struct Answer {
    Attempt made;
    milliseconds takes{0};
  };
  struct Settled {
    Settlement settlement;
    Instant at;
  };

  void run(Instant until) {
    while (now <= until) {
      while (const auto step = schedule->next(now)) {
        const auto& row = std::get<DeliverySchedule::ToAttempt>(*step).row;
        const auto answer = answers(row);
        under_way.push({now + answer.takes, row.position});
        rows[row.position] = row;
        made[row.position] = answer.made;
      }
      const auto due = schedule->next_due();
      if (under_way.empty() && !due) return;
      if (!under_way.empty() && (!due || under_way.top().first <= *due)) {
        const auto [at, which] = under_way.top();
        under_way.pop();
        now = at;
        if (auto settlement = schedule->conclude(rows.at(which), made.at(which), now, 0.5)) {
          settled.push_back({*settlement, now});
          schedule->recorded(settlement->row, now);
        }
      } else {
        now = *due;
      }
    }
  }

  using End = std::pair<Instant, std::uint64_t>;
  std::priority_queue<End, std::vector<End>, std::greater<>> under_way;
  std::map<std::uint64_t, Attempt> made;
  std::vector<Settled> settled;
  std::function<Answer(const storage::OutboxRow&)> answers;
};

TEST_F(World, WithADeadEndpointOfManyTrainingsDelaysNobodyElse) {
  for (std::uint8_t training = 1; training <= 100; ++training) add(2, training);
  for (std::uint8_t user = 3; user <= 40; ++user) {
    for (std::uint8_t training = 1; training <= 3; ++training) add(user, training);
  }
  answers = [](const storage::OutboxRow& row) -> Answer {
    if (row.notification.receiver == user_id(2)) return {.made = no_answer, .takes = seconds{30}};
    return {.made = accepted, .takes = milliseconds{10}};
  };
  const auto begin = now;
  run(begin + seconds{100'000});
  std::size_t delivered = 0;
  std::size_t unreachable = 0;
  for (const auto& [settlement, at] : settled) {
    if (settlement.row.notification.receiver == user_id(2)) {
      EXPECT_EQ(settlement.outcome, DeliveryOutcome::unreachable);
      ++unreachable;
    } else {
      EXPECT_EQ(settlement.outcome, DeliveryOutcome::delivered);
      EXPECT_THAT(at - begin, Le(seconds{1}));
      ++delivered;
    }
  }
  EXPECT_EQ(delivered, 38U * 3U);
  EXPECT_EQ(unreachable, 100U);
  EXPECT_THAT(now - begin, Le(seconds{2 * 100 * 30 / 2 + 60})) << "two attempts for each, two at once";
}

TEST_F(World, WithAPlaceThatHangsKeepsRoomForTheOthers) {
  auto changed = options();
  changed.place_of = [](domain::UserId user) {
    return number_of(user.uuid) >= 100 ? "dead.example.org:80" : "";
  };
  use(changed);
  for (std::uint8_t user = 100; user < 140; ++user) add(user, 1);
  for (std::uint8_t user = 2; user < 20; ++user) add(user, 1);
  answers = [](const storage::OutboxRow& row) -> Answer {
    if (number_of(row.notification.receiver.uuid) >= 100) return {.made = no_answer, .takes = seconds{30}};
    return {.made = accepted, .takes = milliseconds{10}};
  };
  run(now + seconds{1});
  EXPECT_THAT(settled, SizeIs(18));
}

TEST_F(World, WithEndpointsThatHangKeepsRoomForThoseThatAnswer) {
  for (std::uint8_t user = 2; user < 20; ++user) add(user, 1);
  answers = [](const storage::OutboxRow& row) -> Answer {
    if (number_of(row.notification.receiver.uuid) >= 100) return {.made = no_answer, .takes = seconds{30}};
    return {.made = accepted, .takes = milliseconds{10}};
  };
  run(now + seconds{1});
  settled.clear();
  for (std::uint8_t user = 100; user < 140; ++user) add(user, 1);
  for (std::uint8_t user = 2; user < 20; ++user) add(user, 1);
  run(now + seconds{1});
  EXPECT_THAT(settled, SizeIs(18));
}

TEST_F(World, WithEndpointsThatHangKeepsRoomForTheOthers) {
  auto changed = options();
  changed.retry.span = seconds{100'000};
  use(changed);
  for (std::uint8_t user = 100; user < 140; ++user) add(user, 1);
  answers = [](const storage::OutboxRow& row) -> Answer {
    if (number_of(row.notification.receiver.uuid) >= 100) return {.made = no_answer, .takes = seconds{30}};
    return {.made = accepted, .takes = milliseconds{10}};
  };
  const auto begin = now;
  run(begin + seconds{300});  // by now it is known who does not answer
  const auto asked = now;
  for (std::uint8_t user = 2; user < 20; ++user) add(user, 1);
  settled.clear();
  run(asked + seconds{1});
  EXPECT_THAT(settled, SizeIs(Ge(18U)));
}

TEST_F(World, WithAnEndpointThatFailsNowAndThenDeliversEverythingInOrder) {
  for (int count = 0; count < 50; ++count) add(2, 1);
  answers = [tries = 0](const storage::OutboxRow&) mutable -> Answer {
    ++tries;
    if (tries % 3 == 0) return {.made = no_answer, .takes = seconds{3}};
    if (tries % 5 == 0) return {.made = later, .takes = milliseconds{5}};
    return {.made = accepted, .takes = milliseconds{5}};
  };
  run(now + seconds{10'000});
  ASSERT_THAT(settled, SizeIs(50));
  for (std::size_t index = 0; index < settled.size(); ++index) {
    EXPECT_EQ(settled[index].settlement.row.position, index + 1);
    EXPECT_EQ(settled[index].settlement.outcome, DeliveryOutcome::delivered);
  }
}

}  // namespace
}  // namespace fedlog::actors
