#include "domain/training.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "domain/training_commands.h"
#include "tests/domain/ids.h"

namespace fedlog::domain {
namespace {

using test::blob;
using test::user;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

const Caller owner{user(1), false};
const Caller one{user(2), false};
const Caller two{user(3), false};
const Caller stranger{user(9), false};
const ModelId global = test::model(100);

// A training and what its log would hold.
class Course {
 public:
  explicit Course(std::vector<UserId> participants = {one.id, two.id}, std::int64_t target = 1) {
    run(CreateTraining{{.training = test::id<TrainingId>(50),
                        .model = global,
                        .model_version = 2,
                        .actor = owner.id,
                        .target_num_updates = target,
                        .round = 0,
                        .participants = std::move(participants),
                        .weights = blob(100),
                        .preprocessing = {}}});
  }

  // Runs a command that must be accepted; returns its events.
  TrainingEvents run(const TrainingCommand& command) {
    auto events = decide(training, command);
    EXPECT_TRUE(events) << (events ? "" : events.error().message);
    if (!events) return {};
    for (const auto& event : *events) evolve(training, event, Timestamp{++now});
    return *events;
  }

  [[nodiscard]] Rejection reject(const TrainingCommand& command) const {
    const auto events = decide(training, command);
    EXPECT_FALSE(events);
    return events ? Rejection{} : events.error();
  }

  TrainingEvents start() { return run(StartTraining{owner}); }
  TrainingEvents update(const Caller& by, std::uint8_t weights, std::int64_t size = 1) {
    return run(SubmitUpdate{by, test::model(weights), training.round, size, blob(weights), {}});
  }
  TrainingEvents aggregated(std::uint8_t weights) {
    return run(RecordAggregation{training.round, blob(weights)});
  }
  TrainingEvents test(const Caller& by) {
    return run(ReportMetrics{by, global, {{.name = "loss", .number = 0.5, .blob = {}}}});
  }
  TrainingEvents settle(const Caller& receiver, NotificationKind kind, DeliveryOutcome outcome,
                        std::int64_t status, OnUnreachable policy = OnUnreachable::remove) {
    return run(RecordDelivery{.id = test::id<EventId>(1),
                              .notification = {receiver.id, kind, training.id, global, training.round},
                              .outcome = outcome,
                              .status = status,
                              .attempts = 1,
                              .detail = "connection refused",
                              .on_unreachable = policy});
  }

  Training training;
  std::int64_t now = 0;
};

// "KIND round -> user" of each notification in the events.
std::vector<std::string> told(const TrainingEvents& events) {
  std::vector<std::string> lines;
  for (const auto& event : events) {
    if (const auto* requested = std::get_if<NotificationRequested>(&event)) {
      const auto& notification = requested->notification;
      lines.push_back(std::string(name_of(notification.kind)) +
                      (notification.round ? " " + std::to_string(*notification.round) : "") + " -> " +
                      std::to_string(notification.receiver.uuid.bytes[15]));
    }
  }
  return lines;
}

template <class Event>
bool holds(const TrainingEvents& events) {
  return std::ranges::any_of(events, [](const auto& event) { return std::holds_alternative<Event>(event); });
}

TEST(Training, TellsEveryParticipantThatItStartsAndThatRoundZeroDoes) {
  Course course;
  EXPECT_THAT(told(course.start()), ElementsAre("TRAINING_START -> 2", "TRAINING_START -> 3",
                                                "UPDATE_ROUND_START 0 -> 2", "UPDATE_ROUND_START 0 -> 3"));
  EXPECT_EQ(course.training.state, TrainingState::ongoing);
  EXPECT_EQ(course.training.phase, Phase::updating);
}

TEST(Training, IsStartedOnceByItsActorAndWithParticipants) {
  Course course;
  EXPECT_EQ(course.reject(StartTraining{stranger}).reason, Reason::permission_denied);
  EXPECT_EQ(course.reject(StartTraining{one}).reason, Reason::permission_denied);
  course.start();
  EXPECT_EQ(course.reject(StartTraining{owner}).reason, Reason::already_started);
  EXPECT_EQ(Course(std::vector<UserId>{}).reject(StartTraining{owner}).reason, Reason::no_participants);
}

TEST(Training, ClosesARoundWhenTheLastUpdateIsThereInTheOrderOfJoining) {
  Course course;
  course.start();
  EXPECT_FALSE(pending_aggregation(course.training));
  course.update(two, 12, 3);
  EXPECT_FALSE(pending_aggregation(course.training));
  const auto events = course.update(one, 11, 1);
  ASSERT_TRUE(holds<RoundClosed>(events));
  const auto aggregation = pending_aggregation(course.training);
  ASSERT_TRUE(aggregation);
  EXPECT_EQ(aggregation->base, blob(100));
  ASSERT_THAT(aggregation->updates, SizeIs(2));
  EXPECT_EQ(aggregation->updates[0], (Update{one.id, test::model(11), blob(11), 1}));
  EXPECT_EQ(aggregation->updates[1], (Update{two.id, test::model(12), blob(12), 3}));
}

TEST(Training, ReplacesAnUpdateUntilTheRoundIsClosed) {
  Course course;
  course.start();
  course.update(one, 11);
  course.update(one, 13, 5);
  ASSERT_THAT(course.training.updates, SizeIs(1));
  EXPECT_EQ(course.training.updates[0].weights, blob(13));
  course.update(two, 12);
  EXPECT_EQ(course.reject(SubmitUpdate{one, test::model(14), 0, 1, blob(14), {}}).reason,
            Reason::wrong_round);
}

TEST(Training, TakesTheSameUpdateAgainWithoutAnEvent) {
  Course course;
  course.start();
  course.update(one, 11);
  EXPECT_THAT(course.update(one, 11), IsEmpty());
  EXPECT_THAT(course.update(one, 11, 2), SizeIs(1));
}

TEST(Training, RefusesUpdatesThatDoNotFit) {
  Course course;
  const auto update = [&](const Caller& by, std::int64_t round, std::int64_t size) {
    return SubmitUpdate{by, test::model(11), round, size, blob(11), {}};
  };
  EXPECT_EQ(course.reject(update(one, 0, 1)).message,
            "Training with ID " + course.training.id.text() + " is in state I");
  course.start();
  EXPECT_EQ(course.reject(update(stranger, 0, 1)).reason, Reason::permission_denied);
  EXPECT_EQ(course.reject(update(one, 1, 1)).message,
            "Training with ID " + course.training.id.text() + " is not currently in round 1");
  EXPECT_EQ(course.reject(update(one, 0, 0)).field, "sample_size");
  EXPECT_EQ(course.reject(update(one, 0, -5)).field, "sample_size");
}

TEST(Training, TestsTheAggregatedModelAndThenOpensTheNextRound) {
  Course course({one.id, two.id}, 2);
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  EXPECT_THAT(told(course.aggregated(101)),
              ElementsAre("MODEL_TEST_ROUND 1 -> 2", "MODEL_TEST_ROUND 1 -> 3"));
  EXPECT_EQ(course.training.weights, blob(101));
  EXPECT_THAT(course.training.updates, IsEmpty());
  EXPECT_THAT(told(course.test(one)), IsEmpty());
  EXPECT_THAT(told(course.test(one)), IsEmpty()) << "a second report of the same participant does not count";
  EXPECT_THAT(told(course.test(two)), ElementsAre("UPDATE_ROUND_START 1 -> 2", "UPDATE_ROUND_START 1 -> 3"));
  EXPECT_EQ(course.training.round, 1);
}

TEST(Training, CompletesAfterTheLastTestAndTellsItsActorToo) {
  Course course;
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  course.aggregated(101);
  course.test(two);
  EXPECT_THAT(told(course.test(one)),
              ElementsAre("TRAINING_FINISHED -> 2", "TRAINING_FINISHED -> 3", "TRAINING_FINISHED -> 1"));
  EXPECT_EQ(course.training.state, TrainingState::completed);
  EXPECT_THAT(course.test(one), SizeIs(1)) << "metrics are taken afterwards, too";
}

TEST(Training, TellsAnActorThatTakesPartOnlyOnceThatItIsFinished) {
  Course course({owner.id});
  course.start();
  course.update(owner, 11);
  course.aggregated(101);
  EXPECT_THAT(told(course.test(owner)), ElementsAre("TRAINING_FINISHED -> 1"));
}

TEST(Training, DoesNotCountTheMetricsOfOthersAsTests) {
  Course course({one.id});
  course.start();
  course.update(one, 11);
  course.aggregated(101);
  course.test(owner);
  EXPECT_EQ(course.training.state, TrainingState::ongoing);
}

TEST(Training, RecordsAnAggregationOnlyOnce) {
  Course course;
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  course.aggregated(101);
  EXPECT_THAT(course.run(RecordAggregation{0, blob(102)}), IsEmpty());
  EXPECT_EQ(course.training.weights, blob(101));
}

TEST(Training, FailsWithTheReasonWhenItCannotBeAggregated) {
  Course course;
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  course.run(RecordAggregation{0, std::unexpected("the disk is full")});
  EXPECT_EQ(course.training.state, TrainingState::error);
  EXPECT_THAT(course.training.reason, HasSubstr("the disk is full"));
}

TEST(Training, GoesOnWithoutWhoRefusesARound) {
  Course course;
  course.start();
  course.update(one, 11);
  const auto events = course.settle(two, NotificationKind::update_round_start, DeliveryOutcome::refused, 500);
  EXPECT_THAT(told(events), ElementsAre("CLIENT_REMOVED -> 3"));
  EXPECT_TRUE(holds<RoundClosed>(events)) << "everybody who is left has sent its update";
  EXPECT_THAT(course.training.participants, ElementsAre(one.id));
}

TEST(Training, GoesOnWithoutWhoRefusesItsTest) {
  Course course;
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  course.aggregated(101);
  course.test(one);
  course.settle(two, NotificationKind::model_test_round, DeliveryOutcome::refused, 500);
  EXPECT_EQ(course.training.state, TrainingState::completed);
}

TEST(Training, OnlyRecordsWhatBecameOfOtherNotifications) {
  Course course;
  course.start();
  for (const auto kind : {NotificationKind::training_start, NotificationKind::client_removed}) {
    EXPECT_THAT(course.settle(two, kind, DeliveryOutcome::refused, 500), SizeIs(1));
  }
  EXPECT_THAT(course.settle(two, NotificationKind::update_round_start, DeliveryOutcome::delivered, 200),
              SizeIs(1));
  EXPECT_THAT(course.training.participants, SizeIs(2));
}

TEST(Training, IgnoresARefusalOfARoundThatIsOver) {
  Course course;
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  EXPECT_THAT(course.settle(two, NotificationKind::update_round_start, DeliveryOutcome::refused, 500),
              SizeIs(1));
  EXPECT_THAT(course.training.participants, SizeIs(2));
}

TEST(Training, RemovesWhoCannotBeReachedUnlessItsWorkIsDone) {
  Course course;
  course.start();
  course.update(one, 11);
  course.settle(one, NotificationKind::update_round_start, DeliveryOutcome::unreachable, 0);
  EXPECT_THAT(course.training.participants, SizeIs(2)) << "its update is there";
  course.settle(two, NotificationKind::update_round_start, DeliveryOutcome::unreachable, 0);
  EXPECT_THAT(course.training.participants, ElementsAre(one.id));
}

TEST(Training, FailsForAnUnreachableParticipantWhereThePolicySaysSo) {
  Course course;
  course.start();
  course.settle(two, NotificationKind::update_round_start, DeliveryOutcome::unreachable, 0,
                OnUnreachable::error);
  EXPECT_EQ(course.training.state, TrainingState::error);
  EXPECT_THAT(course.training.reason, HasSubstr("connection refused"));
}

TEST(Training, FailsWhenNobodyIsLeft) {
  Course course({one.id});
  course.start();
  course.settle(one, NotificationKind::update_round_start, DeliveryOutcome::refused, 404);
  EXPECT_EQ(course.training.state, TrainingState::error);
  EXPECT_THAT(course.training.reason, HasSubstr("No participant is left"));
}

TEST(Training, FailsAfterAnAggregationThatNobodyIsLeftToTest) {
  Course course({one.id});
  course.start();
  course.update(one, 11);
  course.run(RemoveParticipants{owner, {one.id}});
  EXPECT_TRUE(pending_aggregation(course.training)) << "the round is closed, its updates count";
  course.aggregated(101);
  EXPECT_EQ(course.training.state, TrainingState::error);
}

TEST(Training, DropsTheUpdateOfWhoIsRemovedWhileTheRoundIsOpen) {
  Course course({one.id, two.id, user(4)});
  course.start();
  course.update(two, 12);
  course.run(RemoveParticipants{owner, {two.id}});
  EXPECT_EQ(course.training.update_of(two.id), nullptr);
}

TEST(Training, TellsWhoIsRemovedOnlyWhileItRuns) {
  Course course;
  EXPECT_THAT(told(course.run(RemoveParticipants{owner, {one.id, stranger.id}})), IsEmpty());
  course.run(AddParticipants{owner, {one.id}});
  course.start();
  EXPECT_THAT(told(course.run(RemoveParticipants{owner, {one.id}})), ElementsAre("CLIENT_REMOVED -> 2"));
}

TEST(Training, CatchesUpWhoJoinsLater) {
  Course course({one.id});
  course.start();
  EXPECT_THAT(told(course.run(AddParticipants{owner, {two.id, one.id}})),
              ElementsAre("TRAINING_START -> 3", "UPDATE_ROUND_START 0 -> 3"));
  course.update(one, 11);
  EXPECT_FALSE(pending_aggregation(course.training)) << "the new one is waited for";
  course.update(two, 12);
  course.aggregated(101);
  EXPECT_THAT(told(course.run(AddParticipants{owner, {stranger.id}})),
              ElementsAre("TRAINING_START -> 9", "MODEL_TEST_ROUND 1 -> 9"));
}

TEST(Training, LetsOnlyItsActorChangeWhoTakesPart) {
  Course course;
  for (const auto& caller : {one, stranger}) {
    EXPECT_EQ(course.reject(AddParticipants{caller, {stranger.id}}).reason, Reason::permission_denied);
    EXPECT_EQ(course.reject(RemoveParticipants{caller, {two.id}}).reason, Reason::permission_denied);
  }
}

TEST(Training, TakesNobodyInAfterItsEnd) {
  Course course({one.id});
  course.start();
  course.settle(one, NotificationKind::update_round_start, DeliveryOutcome::refused, 500);
  EXPECT_EQ(course.reject(AddParticipants{owner, {two.id}}).reason, Reason::wrong_state);
}

TEST(Training, IsDeletedByItsActorOrWithItsModelByTheModelsOwner) {
  Course course;
  EXPECT_EQ(course.reject(DeleteTraining{one, {}}).message, "You are not the owner the training.");
  EXPECT_EQ(course.reject(DeleteTraining{stranger, user(1)}).reason, Reason::permission_denied);
  EXPECT_TRUE(decide(course.training, DeleteTraining{stranger, stranger.id}));
  course.run(DeleteTraining{owner, {}});
  EXPECT_EQ(course.reject(StartTraining{owner}).reason, Reason::training_not_found);
}

TEST(Training, TakesMetricsOfItsLocalModelsToo) {
  Course course;
  course.start();
  course.update(one, 11);
  EXPECT_TRUE(decide(course.training, ReportMetrics{one, test::model(11), {}}));
  EXPECT_EQ(course.reject(ReportMetrics{one, test::model(99), {}}).reason, Reason::model_not_found);
}

TEST(Training, RefusesToStartWhatItCannotRun) {
  Course course;
  course.training.uncertainty_method = UncertaintyMethod::swag;
  EXPECT_EQ(course.reject(StartTraining{owner}).reason, Reason::unsupported);
  course.training.uncertainty_method = UncertaintyMethod::none;
  course.training.options.daisy_chain_period = 2;
  EXPECT_EQ(course.reject(StartTraining{owner}).reason, Reason::unsupported);
}

TEST(Training, NeverMakesAnIllegalTransition) {
  Training training;
  EXPECT_THROW(evolve(training, TrainingCompleted{}, Timestamp{1}), std::logic_error);
}

TEST(Training, IsTheSameWhenItsEventsAreReplayed) {
  Course course({one.id, two.id}, 2);
  Training replayed;
  std::int64_t now = 0;
  const auto both = [&](const TrainingEvents& events) {
    for (const auto& event : events) evolve(replayed, event, Timestamp{++now});
  };
  evolve(replayed,
         TrainingCreated{
             course.training.id, global, 2, owner.id, 2, 0, {}, {}, {}, {one.id, two.id}, blob(100), {}},
         Timestamp{++now});
  both(course.start());
  both(course.update(one, 11));
  both(course.update(two, 12));
  both(course.aggregated(101));
  both(course.test(one));
  both(course.settle(two, NotificationKind::model_test_round, DeliveryOutcome::refused, 500));
  EXPECT_EQ(replayed, course.training);
}

}  // namespace
}  // namespace fedlog::domain
