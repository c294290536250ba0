#include "domain/training_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/domain/training_course.h"

namespace fedlog::domain {
namespace {

using namespace test;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::int64_t one_second = 1'000'000;
constexpr std::int64_t one_minute = 60 * one_second;

std::string name_of_number(UserId user) {
  return "u" + std::to_string(user.uuid.bytes[15]);
}

std::vector<UserId> people(const TrainingStatus& status) {
  std::vector<UserId> users;
  for (const auto& each : status.awaited) users.push_back(each.participant);
  return users;
}

// A training of the users 2 and 3 that user 1 owns, and what is said of it.
class Status : public ::testing::Test {
 protected:
  Status() { course.training.options.min_updates_fraction = 1.0; }

  TrainingStatus status(const std::vector<PendingNotification>& pending = {}) const {
    return status_of(course.training, now, pending);
  }
  std::string summary() const { return summary_of(status(), name_of_number); }
  std::string advice() const { return advice_for(status()); }
  // What is said of the first who is awaited.
  std::string about_the_first(const std::vector<PendingNotification>& pending = {}) const {
    const auto each = status(pending);
    return each.awaited.empty() ? "(nobody is awaited)"
                                : sentence_about(each.awaited.front(), each, name_of_number);
  }
  void run_to_the_test() {
    course.start();
    course.update(one, 11);
    course.update(two, 12);
    course.aggregated(101);
  }
  PendingNotification pending_update(std::int64_t requested) const {
    return {.notification = {.receiver = one.id,
                             .kind = NotificationKind::update_round_start,
                             .training = course.training.id,
                             .model = global,
                             .round = 0},
            .requested = {requested}};
  }

  Course course;
  Timestamp now{3 * one_minute};
};

TEST_F(Status, BeforeTheStartWaitsForTheOwner) {
  EXPECT_EQ(status().waits_for, Wait::start);
  EXPECT_EQ(summary(), "It waits since 1970-01-01T00:00:00Z (2 min) for its owner, u1, to start it.");
  EXPECT_EQ(advice(), "");
}

TEST_F(Status, BeforeTheStartTellsThatNobodyTakesPart) {
  course = Course(std::vector<UserId>{});
  EXPECT_THAT(summary(), HasSubstr("nobody takes part yet"));
  EXPECT_EQ(advice(), "Add participants, then start it.");
}

TEST_F(Status, NamesThoseWhoseUpdateIsMissing) {
  course.start();
  course.update(two, 12);
  const auto now_waits = status();
  EXPECT_EQ(now_waits.waits_for, Wait::updates);
  EXPECT_THAT(people(now_waits), ElementsAre(one.id));
  EXPECT_EQ(now_waits.arrived, 1);
  EXPECT_EQ(now_waits.participants, 2);
  EXPECT_EQ(now_waits.deadline, std::nullopt);
  EXPECT_EQ(now_waits.at_deadline, std::nullopt);
  EXPECT_EQ(summary(),
            "In round 0 of 1 it waits since 1970-01-01T00:00:00Z (2 min) for the updates of 1 of 2 "
            "participants: u2. There is no deadline: it waits until they are there, or whoever is missing "
            "leaves or is removed.");
}

TEST_F(Status, NamesTenAndCountsTheOthers) {
  std::vector<UserId> many;
  for (std::uint8_t number = 10; number < 25; ++number) many.push_back(user(number));
  course = Course(many);
  course.start();
  EXPECT_THAT(summary(), HasSubstr("15 of 15 participants: u10, u11, u12, u13, u14, u15, u16, u17, u18, u19 "
                                   "and 5 more."));
}

TEST_F(Status, TellsWhatTheServerDoes) {
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  EXPECT_EQ(status().waits_for, Wait::aggregation);
  EXPECT_THAT(people(status()), IsEmpty());
  EXPECT_EQ(summary(), "The server aggregates 2 updates of round 0 of 1 since 1970-01-01T00:00:00Z (2 min).");
}

TEST_F(Status, NamesThoseWhoseTestIsMissing) {
  run_to_the_test();
  course.test(one);
  EXPECT_EQ(status().waits_for, Wait::tests);
  EXPECT_THAT(people(status()), ElementsAre(two.id));
  EXPECT_THAT(summary(), HasSubstr("In round 1 of 1 it waits"));
  EXPECT_THAT(summary(), HasSubstr("for the tests of 1 of 2 participants: u3"));
}

TEST_F(Status, NamesThoseWhoseMomentsAreMissingAndTellsOfTheirAverage) {
  course = Course::swag();
  run_to_the_test();
  course.moments(one, 21);
  EXPECT_EQ(status().waits_for, Wait::moments);
  EXPECT_THAT(people(status()), ElementsAre(two.id));
  EXPECT_THAT(summary(), HasSubstr("for the moments of 1 of 2 participants: u3"));
  course.moments(two, 22);
  EXPECT_EQ(status().waits_for, Wait::average);
  EXPECT_THAT(summary(), HasSubstr("The server averages the moments of 2 participants in round 1 of 1"));
}

TEST_F(Status, IsCompletedAndWaitsForNothing) {
  run_to_the_test();
  course.test(one);
  course.test(two);
  EXPECT_EQ(status().waits_for, Wait::nothing);
  EXPECT_EQ(summary(), "It was completed at 1970-01-01T00:00:00Z, after round 1 of 1.");
  EXPECT_EQ(advice(), "");
}

// --- deadlines

TEST_F(Status, TellsThatTheDeadlineGoesOnWithEnoughUpdates) {
  course.training.options.round_deadline_s = 600;
  course.training.options.min_updates = 1;
  course.start();
  course.update(two, 12);
  const auto before = status();
  EXPECT_EQ(before.at_deadline, AtDeadline::goes_on);
  EXPECT_EQ(before.needed, 1);
  EXPECT_THAT(summary(), HasSubstr(" (in 7 min) it goes on with what is there then"));
  now = {course.training.deadline->microseconds + one_second};
  EXPECT_THAT(summary(), HasSubstr(" (now) it goes on"));
}

TEST_F(Status, TellsThatTheDeadlineFailsWithoutEnoughUpdates) {
  course.training.options.round_deadline_s = 600;
  course.start();
  EXPECT_EQ(status().at_deadline, AtDeadline::fails);
  EXPECT_THAT(summary(), HasSubstr("unless all updates are there, it ends in an error."));
  course.training.options.min_updates = 1;
  EXPECT_THAT(summary(),
              HasSubstr("unless the updates of 1 of 2 participants are there, it ends in an error."));
}

TEST_F(Status, TellsThatTheDeadlineWaitsAgainAsLongAsItMay) {
  course.training.options.round_deadline_s = 600;
  course.training.options.max_rounds_without_quorum = 1;
  course.start();
  EXPECT_EQ(status().at_deadline, AtDeadline::waits_again);
  EXPECT_THAT(summary(),
              HasSubstr("unless all updates are there, it notifies who is missing again and waits"));
  course.run(ExpireDeadline{*course.training.deadline});
  EXPECT_EQ(status().deadlines_missed, 1);
  EXPECT_EQ(status().at_deadline, AtDeadline::fails);
}

TEST_F(Status, TellsThatTheDeadlineFailsWhereTheOwnerWantsAllUpdates) {
  course.training.options.round_deadline_s = 600;
  course.training.options.min_updates = 1;
  course.training.options.max_rounds_without_quorum = 5;
  course.training.options.on_deadline = OnDeadline::error;
  course.start();
  course.update(one, 11);
  EXPECT_EQ(status().at_deadline, AtDeadline::fails);
  EXPECT_THAT(summary(), HasSubstr("unless all updates are there, it ends in an error."));
}

TEST_F(Status, TellsThatATestGoesOnAtItsDeadline) {
  course.training.options.test_deadline_s = 600;
  course.training.options.on_deadline = OnDeadline::error;
  run_to_the_test();
  EXPECT_EQ(status().at_deadline, AtDeadline::goes_on);
}

// What the status foretells is what the deadline does.
TEST_F(Status, ForetellsEveryDeadline) {
  for (const bool test : {false, true}) {
    for (const auto on_deadline : {OnDeadline::go_on, OnDeadline::error}) {
      for (const std::int64_t waits : {0, 1}) {
        for (const std::int64_t quorum : {0, 1, 2}) {
          for (const bool sent : {false, true}) {
            course = Course({one.id, two.id}, 5);
            auto& options = course.training.options;
            options.round_deadline_s = options.test_deadline_s = 600;
            options.on_deadline = on_deadline;
            options.max_rounds_without_quorum = waits;
            options.min_updates = quorum;
            if (test) {
              run_to_the_test();
              if (sent) course.test(one);
            } else {
              course.start();
              if (sent) course.update(one, 11);
            }
            ASSERT_TRUE(course.training.deadline);
            const auto foretold = status().at_deadline;
            const auto before = course.training.phase;
            course.run(ExpireDeadline{*course.training.deadline});
            const auto came = course.training.state == TrainingState::error ? AtDeadline::fails
                              : course.training.phase == before             ? AtDeadline::waits_again
                                                                            : AtDeadline::goes_on;
            EXPECT_EQ(foretold, came) << test << waits << quorum << sent;
          }
        }
      }
    }
  }
}

// --- who is told what

TEST_F(Status, TellsWhatWasDeliveredToWhoIsAwaited) {
  course.start();
  EXPECT_EQ(about_the_first(), "u2: nothing was sent to it yet.");
  course.settle(one, NotificationKind::update_round_start, DeliveryOutcome::delivered, 202);
  EXPECT_EQ(about_the_first(),
            "u2: UPDATE_ROUND_START of round 0 was delivered at 1970-01-01T00:00:00Z with status 202.");
  EXPECT_EQ(status().awaited.front().last_delivery->status, 202);
}

TEST_F(Status, TellsWhoseAccountIsDeactivated) {
  course.start();
  const auto told = status_of(course.training, {course.now}, {}, [](UserId user) { return user != one.id; });
  EXPECT_FALSE(told.awaited.front().active);
  EXPECT_TRUE(told.awaited.back().active);
  const NameOf name = [](UserId) { return std::string{"ada"}; };
  EXPECT_THAT(sentence_about(told.awaited.front(), told, name),
              testing::HasSubstr("its account is deactivated, so it can send nothing"));
  EXPECT_THAT(advice_for(told), testing::HasSubstr("Remove the participants whose accounts are deactivated"));
  EXPECT_EQ(advice_for(status()), "");
}

TEST_F(Status, NeverAsksForMoreThanThereAre) {
  course.training.options.min_updates = 5;
  course.training.options.round_deadline_s = 10;
  course.start();
  EXPECT_EQ(status().needed, status().participants);
}

TEST_F(Status, TellsWhatCouldNotBeDelivered) {
  course.start();
  course.settle(one, NotificationKind::training_start, DeliveryOutcome::unreachable, 0);
  EXPECT_EQ(about_the_first(),
            "u2: TRAINING_START of round 0 could not be delivered at 1970-01-01T00:00:00Z: "
            "connection refused.");
  course.settle(one, NotificationKind::training_start, DeliveryOutcome::refused, 500);
  EXPECT_THAT(about_the_first(), HasSubstr("was refused at 1970-01-01T00:00:00Z with status 500"));
  course.settle(one, NotificationKind::training_start, DeliveryOutcome::dropped, 0);
  EXPECT_THAT(about_the_first(), HasSubstr("was not sent at"));
}

TEST_F(Status, TellsWhatIsOnItsWay) {
  course.start();
  EXPECT_EQ(about_the_first({pending_update(0), pending_update(one_minute)}),
            "u2: UPDATE_ROUND_START of round 0 is on its way since 1970-01-01T00:01:00Z (2 min).");
  auto tried = pending_update(one_minute);
  tried.progress = "2 attempts failed";
  EXPECT_THAT(about_the_first({tried}), HasSubstr("(2 min): 2 attempts failed."));
  course.settle(one, NotificationKind::training_start, DeliveryOutcome::delivered, 200);
  EXPECT_THAT(about_the_first({pending_update(one_minute)}),
              AllOf(HasSubstr("TRAINING_START"), HasSubstr("was delivered"), HasSubstr("is on its way")));
}

// --- pauses and ends

TEST_F(Status, OfAPausedTrainingNamesWhoIsMissingAndWaitsForItsOwner) {
  course.training.options.round_deadline_s = 600;
  course.start();
  course.update(one, 11);
  course.run(PauseTraining{owner});
  const auto paused = status();
  EXPECT_EQ(paused.waits_for, Wait::resume);
  EXPECT_TRUE(paused.paused);
  EXPECT_EQ(paused.deadline, std::nullopt);
  EXPECT_THAT(people(paused), ElementsAre(two.id));
  EXPECT_EQ(
      summary(),
      "It is paused in round 0 of 1, and goes on when its owner, u1, resumes it. Meanwhile it takes the "
      "updates that are missing, of u3. No deadline runs.");
  EXPECT_EQ(advice(), "Resume it.");
  course.update(two, 12);
  EXPECT_THAT(summary(), Not(HasSubstr("Meanwhile")));
}

TEST_F(Status, OfAFailedTrainingTellsWhyAndWhoWasMissing) {
  course.training.options.round_deadline_s = 600;
  course.start();
  course.update(one, 11);
  course.run(ExpireDeadline{*course.training.deadline});
  const auto failed = status();
  EXPECT_EQ(failed.waits_for, Wait::resume);
  EXPECT_EQ(failed.phase, Phase::updating);
  EXPECT_EQ(failed.arrived, 1);
  EXPECT_THAT(people(failed), ElementsAre(two.id));
  EXPECT_EQ(summary(), "It ended in an error at 1970-01-01T00:00:00Z: " + course.training.reason);
  EXPECT_THAT(advice(), HasSubstr("Resume it to wait for those who are missing"));
}

TEST_F(Status, OfATrainingThatNobodyIsLeftInAsksForParticipants) {
  course.start();
  course.run(RemoveParticipants{owner, {one.id, two.id}});
  EXPECT_EQ(status().waits_for, Wait::resume);
  EXPECT_EQ(advice(), "Add participants, then resume it.");
}

TEST_F(Status, OfATrainingWhoseAggregationFailedTellsThatItCanBeTriedAgain) {
  course.start();
  course.update(one, 11);
  course.update(two, 12);
  course.not_aggregated("the disk is full");
  EXPECT_EQ(status().phase, Phase::aggregating);
  EXPECT_EQ(status().arrived, 2);
  EXPECT_THAT(people(status()), IsEmpty());
  EXPECT_THAT(summary(), HasSubstr("the disk is full"));
  EXPECT_THAT(advice(), HasSubstr("the server tries again with the same files"));
}

TEST_F(Status, OfACancelledTrainingIsFinal) {
  course.start();
  course.run(CancelTraining{owner});
  EXPECT_EQ(status().waits_for, Wait::nothing);
  EXPECT_TRUE(status().cancelled);
  EXPECT_THAT(people(status()), IsEmpty());
  EXPECT_EQ(summary(), "It ended at 1970-01-01T00:00:00Z: Cancelled by its owner.");
  EXPECT_THAT(advice(), HasSubstr("stays ended"));
}

// --- times

TEST_F(Status, TellsSpansAsPeopleDo) {
  const std::pair<std::int64_t, std::string> spans[] = {{-one_second, "0 s"},
                                                        {59 * one_second, "59 s"},
                                                        {60 * one_second, "1 min"},
                                                        {3599 * one_second, "59 min"},
                                                        {3600 * one_second, "1 h"},
                                                        {125 * one_minute, "2 h 5 min"},
                                                        {25 * 60 * one_minute, "1 day 1 h"},
                                                        {48 * 60 * one_minute, "2 days"}};
  for (const auto& [span, text] : spans) {
    now = {course.training.created.microseconds + span};
    EXPECT_THAT(summary(), HasSubstr("(" + text + ") for its owner"));
  }
}

}  // namespace
}  // namespace fedlog::domain
