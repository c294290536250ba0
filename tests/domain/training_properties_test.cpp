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
    auto& options = course_.training.options;
    options.daisy_chain_period = static_cast<std::int64_t>(below(4));
    options.round_deadline_s = static_cast<std::int64_t>(below(2) * 10);
    options.test_deadline_s = static_cast<std::int64_t>(below(2) * 10);
    options.min_updates = static_cast<std::int64_t>(below(4));
    options.min_updates_fraction = below(2) == 0 ? 1.0 : 0.5;
    options.max_rounds_without_quorum = static_cast<std::int64_t>(below(3));
    if (below(4) == 0) options.on_deadline = OnDeadline::error;
    if (below(4) == 0) options.on_unreachable = OnUnreachable::error;
    options.open_to_join = below(2) == 0;
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
    if (below(4) == 0) return control(by);
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
        return step(RecordAggregation{pending_aggregation(training()).value_or(Aggregation{}),
                                      result<BlobId>(blob(number))});
      default:
        return step(RecordAveraging{pending_averaging(training()).value_or(Averaging{}),
                                    result<AveragedMoments>({blob(number), blob(number)})});
    }
  }

 private:
  std::uint64_t below(std::uint64_t count) { return random_() % count; }

  template <class T>
  std::expected<T, std::string> result(T made) {
    if (below(10) == 0) return std::unexpected("the disk is full");
    return made;
  }

  // What people do to the training, and the clock.
  void control(const Caller& by) {
    switch (below(12)) {
      case 0:
        return step(LeaveTraining{by});
      case 1:
      case 2:
        return step(JoinTraining{by});
      case 3:
      case 4:
        return step(PauseTraining{owner});
      case 5:
      case 6:
      case 7:
        return step(ResumeTraining{owner});
      case 8:
        if (below(20) == 0) return step(CancelTraining{owner});
        return step(ExpireDeadline{{now_}});  // of some phase before, if of any
      default:
        if (training().deadline) step(ExpireDeadline{*training().deadline});
    }
  }

  void settle(UserId receiver) {
    constexpr std::array kinds{NotificationKind::update_round_start, NotificationKind::swag_round_start,
                               NotificationKind::model_test_round};
    constexpr std::array outcomes{DeliveryOutcome::delivered, DeliveryOutcome::delivered,
                                  DeliveryOutcome::refused, DeliveryOutcome::unreachable};
    step(RecordDelivery{.id = id<EventId>(1),
                        .notification = {.receiver = receiver,
                                         .kind = kinds[below(3)],
                                         .training = training().id,
                                         .model = global,
                                         .round = training().round},
                        .outcome = outcomes[below(4)],
                        .status = 0,
                        .attempts = 1,
                        .detail = {}});
  }

  void step(const TrainingCommand& command) {
    const auto before = training();
    const auto events = decide(before, command, {{random_()}, {now_}});
    if (!events) return;
    for (const auto& event : *events) {
      evolve(course_.training, event, Timestamp{++now_});
      evolve(replayed_, event, Timestamp{now_});
    }
    expect_told(before, *events);
  }

  // Whoever is waited for, and was not before, is asked; and every end is told.
  void expect_told(const Training& before, const TrainingEvents& events) const {
    std::set<UserId> asked;
    std::set<UserId> told;
    for (const auto& event : events) {
      const auto* requested = std::get_if<NotificationRequested>(&event);
      if (requested == nullptr) continue;
      const auto& notification = requested->notification;
      if (asks_for_work(notification.kind)) asked.insert(notification.receiver);
      if (notification.kind == NotificationKind::training_finished) told.insert(notification.receiver);
    }
    if (!training().paused && (training().phase != before.phase || training().round != before.round ||
                               training().paused != before.paused)) {
      for (const auto& user : training().missing()) EXPECT_TRUE(asked.contains(user));
    }
    if (has_ended(training().state) && !has_ended(before.state)) {
      EXPECT_TRUE(told.contains(training().actor));
      for (const auto& user : training().participants) EXPECT_TRUE(told.contains(user));
    }
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
  EXPECT_EQ(training.state == TrainingState::error, !training.reason.empty());
  EXPECT_TRUE(!training.cancelled || training.state == TrainingState::error);
  EXPECT_TRUE(!training.paused || is_running(training.state));
  std::set<ModelId> given;
  for (const auto& each : training.passed_on) {
    EXPECT_TRUE(participants.contains(each.participant));
    EXPECT_TRUE(given.insert(each.model).second) << "a model goes to one participant";
  }
  const bool waits_for_people = is_participants_work(training.phase) && !training.paused;
  EXPECT_EQ(training.deadline.has_value(), waits_for_people && training.deadline_s() > 0);
  if (!is_running(training.state)) return;
  if (is_servers_work(training.phase)) {
    EXPECT_EQ(pending_aggregation(training).has_value(),
              training.phase == Phase::aggregating && !training.paused);
    EXPECT_EQ(pending_averaging(training).has_value(),
              training.phase == Phase::averaging && !training.paused);
    return;
  }
  const auto users = done(training);
  for (const auto& user : users) EXPECT_TRUE(participants.contains(user));
  EXPECT_EQ(users.size() + training.missing().size(), participants.size());
  if (training.paused) return;  // it waits for its owner
  EXPECT_LT(users.size(), participants.size()) << "else it waits for nobody, and hangs";
}

TEST(AnyTraining, WaitsForSomebodyAndIsWhatItsEventsSay) {
  std::set<TrainingState> ends;
  std::set<Phase> failures;
  bool cancelled = false;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    RandomCourse course(seed);
    for (int step = 0; step < 150; ++step) {
      course.step();
      expect_sound(course.training());
      ASSERT_EQ(course.training(), course.replayed()) << "seed " << seed;
      if (HasFailure()) FAIL() << "seed " << seed << ", step " << step;
      if (course.training().state == TrainingState::error) failures.insert(course.training().failed_phase);
    }
    ends.insert(course.training().state);
    cancelled = cancelled || course.training().cancelled;
  }
  EXPECT_TRUE(ends.contains(TrainingState::completed));
  EXPECT_TRUE(ends.contains(TrainingState::error));
  EXPECT_TRUE(cancelled);
  EXPECT_EQ(failures.size(), 5U) << "every phase in which something can fail did";
}

}  // namespace
}  // namespace fedlog::domain
