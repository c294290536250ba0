#include <gtest/gtest.h>

#include <array>
#include <random>
#include <set>

#include "tests/domain/training_course.h"

// What holds in every training, whatever is asked in whatever order: thousands of random courses.
namespace fedlog::domain {
namespace {

using namespace test;

class RandomCourse {
 public:
  explicit RandomCourse(std::uint64_t seed)
      : random_(seed), course_({user(2), user(3), user(4)}, static_cast<std::int64_t>(1 + below(4))) {
    course_.training.options.daisy_chain_period = static_cast<std::int64_t>(below(4));
    if (below(2) == 0) course_.training.uncertainty_method = UncertaintyMethod::swag;
    replayed_ = course_.training;
    now_ = course_.now;
    step(StartTraining{owner});
  }

  [[nodiscard]] const Training& training() const { return course_.training; }
  [[nodiscard]] const Training& replayed() const { return replayed_; }

  // Something that may be asked or happen now, or may be refused.
  void step() {
    const Caller by{user(static_cast<std::uint8_t>(2 + below(4))), false};
    const auto number = static_cast<std::uint8_t>(++blobs_);
    const auto round = training().round - static_cast<std::int64_t>(below(20) == 0 ? 1 : 0);
    switch (below(12)) {
      case 0:
        return step(AddParticipants{owner, {by.id}});
      case 1:
        return step(RemoveParticipants{owner, {by.id}});
      case 2:
      case 3:
        return settle(by.id);
      case 4:
      case 5:
      case 6:
        return step(SubmitUpdate{by, model(number), round, 1, blob(number), {}});
      case 7:
      case 8:
        return step(SubmitMoments{by, round, 1, blob(number), blob(number), "float32 [8]"});
      case 9:
        return step(ReportMetrics{by, global, {{.name = "loss", .number = 0.5, .blob = {}}}});
      case 10:
        return step(RecordAggregation{round, blob(number)});
      default:
        return step(RecordAveraging{round, AveragedMoments{blob(number), blob(number)}});
    }
  }

 private:
  std::uint64_t below(std::uint64_t count) { return random_() % count; }

  void settle(UserId receiver) {
    constexpr std::array kinds{NotificationKind::update_round_start, NotificationKind::swag_round_start,
                               NotificationKind::model_test_round};
    constexpr std::array outcomes{DeliveryOutcome::delivered, DeliveryOutcome::delivered,
                                  DeliveryOutcome::refused, DeliveryOutcome::unreachable};
    step(RecordDelivery{.id = id<EventId>(1),
                        .notification = {receiver, kinds[below(3)], training().id, global, training().round},
                        .outcome = outcomes[below(4)],
                        .status = 0,
                        .attempts = 1,
                        .detail = {},
                        .on_unreachable = OnUnreachable::remove});
  }

  void step(const TrainingCommand& command) {
    course_.chance = {random_()};
    const auto events = decide(training(), command, course_.chance);
    if (!events) return;
    course_.run(command);
    for (const auto& event : *events) evolve(replayed_, event, Timestamp{++now_});
  }

  std::mt19937_64 random_;
  Course course_;
  Training replayed_;
  std::int64_t now_ = 0;
  std::uint64_t blobs_ = 0;
};

// Who has sent what the phase waits for.
std::set<UserId> done(const Training& training) {
  std::set<UserId> users;
  if (training.phase == Phase::updating) {
    for (const auto& update : training.updates) users.insert(update.participant);
  }
  if (training.phase == Phase::collecting) {
    for (const auto& moments : training.moments) users.insert(moments.participant);
  }
  if (training.phase == Phase::testing) users.insert(training.testers.begin(), training.testers.end());
  return users;
}

void expect_sound(const Training& training) {
  const std::set<UserId> participants(training.participants.begin(), training.participants.end());
  EXPECT_EQ(participants.size(), training.participants.size()) << "nobody takes part twice";
  EXPECT_EQ(is_running(training.state), training.phase != Phase::idle);
  EXPECT_EQ(training.state == TrainingState::swag_round,
            training.phase == Phase::collecting || training.phase == Phase::averaging);
  std::set<ModelId> given;
  for (const auto& each : training.passed_on) {
    EXPECT_TRUE(participants.contains(each.participant));
    EXPECT_TRUE(given.insert(each.model).second) << "a model goes to one participant";
  }
  if (!is_running(training.state)) return;
  if (is_servers_work(training.phase)) {
    EXPECT_NE(pending_aggregation(training).has_value(), pending_averaging(training).has_value());
    return;
  }
  const auto users = done(training);
  EXPECT_LT(users.size(), participants.size()) << "else it waits for nobody, and hangs";
  for (const auto& user : users) EXPECT_TRUE(participants.contains(user));
}

TEST(AnyTraining, WaitsForSomebodyAndIsWhatItsEventsSay) {
  std::set<TrainingState> ends;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    RandomCourse course(seed);
    for (int step = 0; step < 150; ++step) {
      course.step();
      expect_sound(course.training());
      ASSERT_EQ(course.training(), course.replayed()) << "seed " << seed;
      if (HasFailure()) FAIL() << "seed " << seed << ", step " << step;
    }
    ends.insert(course.training().state);
  }
  EXPECT_TRUE(ends.contains(TrainingState::completed));
  EXPECT_TRUE(ends.contains(TrainingState::error));
}

}  // namespace
}  // namespace fedlog::domain
