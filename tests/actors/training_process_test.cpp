#include "actors/training_process.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/actors/trainings.h"

namespace fedlog::actors {
namespace {

using namespace testing;
using storage::JournalErrorCode;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// A process of the example training, as it is after its first event.
class ProcessOfATraining : public ::testing::Test {
 protected:
  ProcessOfATraining() {
    domain::Training training;
    domain::evolve(training, facts(), {1});
    process.emplace(training, 1, ports.ports());
  }

  // Carries out a command whose append succeeds.
  Answer carry_out(domain::TrainingCommand command) {
    Answer answer;
    process->command(message(std::move(command), answer));
    if (!answer) process->committed(durable(ports.appends.back()));
    return answer;
  }

  void start_and_update() {
    carry_out(domain::StartTraining{by(1)});
    carry_out(update_of(2));
    carry_out(update_of(3));
  }

  RecordedPorts ports;
  std::optional<TrainingProcess> process;
};

TEST_F(ProcessOfATraining, TakesOneCommandAtATimeWhileAnAppendIsPending) {
  process->command(message(domain::AddParticipants{by(1), {user_id(4)}}));
  process->command(message(domain::AddParticipants{by(1), {user_id(5)}}));
  EXPECT_THAT(ports.appends, SizeIs(1));
  process->committed(durable(ports.appends[0]));
  ASSERT_THAT(ports.appends, SizeIs(2));
  EXPECT_EQ(ports.appends[0].appends[0].expected_version, 1U);
  EXPECT_EQ(ports.appends[1].appends[0].expected_version, 2U);
}

TEST_F(ProcessOfATraining, DecidesOnTheStateThatTheCommandBeforeLeft) {
  Answer second;
  process->command(message(domain::StartTraining{by(1)}));
  process->command(message(domain::StartTraining{by(1)}, second));
  EXPECT_FALSE(second.has_value());
  process->committed(durable(ports.appends[0]));
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->error().reason, domain::Reason::already_started);
}

TEST_F(ProcessOfATraining, AnswersOnlyWhenItsEventsAreDurable) {
  Answer answer;
  process->command(message(domain::StartTraining{by(1)}, answer));
  EXPECT_FALSE(answer.has_value());
  EXPECT_EQ(process->training().state, domain::TrainingState::initial);
  process->committed(durable(ports.appends[0]));
  ASSERT_TRUE(answer.has_value());
  EXPECT_TRUE(answer->has_value());
  EXPECT_EQ(process->training().state, domain::TrainingState::ongoing);
}

TEST_F(ProcessOfATraining, AnswersAnUpdateWithItsLocalModel) {
  carry_out(domain::StartTraining{by(1)});
  EXPECT_EQ(carry_out(update_of(2))->value(), update_of(2).local_model.text());
}

TEST_F(ProcessOfATraining, RefusesWithoutAnAppend) {
  Answer answer;
  process->command(message(domain::StartTraining{by(2)}, answer));
  EXPECT_EQ(answer->error().reason, domain::Reason::permission_denied);
  EXPECT_THAT(ports.appends, IsEmpty());
  EXPECT_TRUE(process->idle());
}

TEST_F(ProcessOfATraining, AnswersWithoutAnAppendWhatChangesNothing) {
  Answer answer;
  process->command(message(domain::AddParticipants{by(1), {user_id(2)}}, answer));
  EXPECT_TRUE(answer->has_value());
  EXPECT_THAT(ports.appends, IsEmpty());
}

TEST_F(ProcessOfATraining, KeepsUnderItsKeyThatNothingWasLeftToDo) {
  Answer answer;
  auto nothing_new = message(domain::AddParticipants{by(1), {user_id(2)}}, answer);
  nothing_new.idempotency_key = "key-9";
  process->command(std::move(nothing_new));
  const auto& commit = ports.appends.at(0);
  EXPECT_EQ(commit.idempotency_key, "key-9");
  EXPECT_THAT(commit.appends.at(0).events, IsEmpty());
  process->committed(durable(commit));
  EXPECT_TRUE(answer->has_value());
  EXPECT_EQ(process->version(), 1U);
}

TEST_F(ProcessOfATraining, WritesWhoAskedAndWhy) {
  auto start = message(domain::StartTraining{by(1)});
  start.acting_user = user_id(1);
  start.correlation = "request-9";
  start.idempotency_key = "key-9";
  process->command(std::move(start));
  const auto& commit = ports.appends.at(0);
  EXPECT_EQ(commit.acting_user, user_id(1));
  EXPECT_EQ(commit.correlation, "request-9");
  EXPECT_EQ(commit.idempotency_key, "key-9");
  EXPECT_EQ(commit.command, domain::Uuid{{7}});
}

TEST_F(ProcessOfATraining, TakesItsTimeFromTheLog) {
  process->command(message(domain::StartTraining{by(1)}));
  process->committed(durable(ports.appends[0], {1234}));
  EXPECT_EQ(process->training().last_update, domain::Timestamp{1234});
}

TEST_F(ProcessOfATraining, AnswersADuplicateAsTheFirstTime) {
  Answer answer;
  process->command(message(domain::StartTraining{by(1)}, answer));
  process->committed(failed(JournalErrorCode::duplicate, "what was answered then"));
  EXPECT_EQ(answer->value(), "what was answered then");
  EXPECT_EQ(process->training().state, domain::TrainingState::initial);
  EXPECT_EQ(process->version(), 1U);
}

TEST_F(ProcessOfATraining, KeepsItsStateWhenTheDiskIsFull) {
  Answer answer;
  const auto before = process->training();
  process->command(message(domain::StartTraining{by(1)}, answer));
  process->committed(failed(JournalErrorCode::disk_full));
  EXPECT_EQ(answer->error().reason, domain::Reason::storage_full);
  EXPECT_EQ(process->training(), before);
  EXPECT_EQ(process->version(), 1U);
  EXPECT_EQ(ports.outbox_growths, 0);
}

TEST_F(ProcessOfATraining, GoesOnWithTheNextCommandAfterAFailure) {
  process->command(message(domain::StartTraining{by(1)}));
  process->command(message(domain::AddParticipants{by(1), {user_id(4)}}));
  process->committed(failed(JournalErrorCode::event_too_large));
  ASSERT_THAT(ports.appends, SizeIs(2));
  EXPECT_EQ(ports.appends[1].appends[0].expected_version, 1U);
}

TEST_F(ProcessOfATraining, ThrowsWhenTheLogIsAtAnotherVersion) {
  Answer answer;
  process->command(message(domain::StartTraining{by(1)}, answer));
  EXPECT_THROW(process->committed(failed(JournalErrorCode::version_mismatch)), std::logic_error);
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->error().reason, domain::Reason::internal);
}

TEST_F(ProcessOfATraining, TellsTheNotifierOnlyAfterTheCommit) {
  process->command(message(domain::StartTraining{by(1)}));
  EXPECT_EQ(ports.outbox_growths, 0);
  process->committed(durable(ports.appends[0]));
  EXPECT_EQ(ports.outbox_growths, 1);
}

TEST_F(ProcessOfATraining, TellsTheNotifierNothingWhenNothingIsToBeSent) {
  carry_out(domain::AddParticipants{by(1), {user_id(4)}});
  EXPECT_EQ(ports.outbox_growths, 0);
}

TEST_F(ProcessOfATraining, AsksForTheAggregationOnceTheLastUpdateIsDurable) {
  carry_out(domain::StartTraining{by(1)});
  carry_out(update_of(3));
  process->command(message(update_of(2)));
  EXPECT_THAT(ports.aggregations, IsEmpty());
  process->committed(durable(ports.appends.back()));
  ASSERT_THAT(ports.aggregations, SizeIs(1));
  const auto& asked = ports.aggregations[0];
  EXPECT_EQ(asked.round, 0);
  EXPECT_EQ(asked.base, blob_id(1));
  ASSERT_THAT(asked.updates, SizeIs(2));
  EXPECT_EQ(asked.updates[0].participant, user_id(2)) << "the order of joining, not of arrival";
}

TEST_F(ProcessOfATraining, IsNotIdleWhileItsAggregationIsMade) {
  start_and_update();
  EXPECT_FALSE(process->idle());
  carry_out(domain::RecordAggregation{ports.aggregations.back(), blob_id(9)});
  EXPECT_TRUE(process->idle());
  EXPECT_EQ(process->training().weights, blob_id(9));
}

TEST_F(ProcessOfATraining, AsksForAnAggregationOnceHoweverManyCommandsCome) {
  start_and_update();
  carry_out(domain::ReplacePreprocessing{by(1), blob_id(8)});
  process->wake();
  EXPECT_THAT(ports.aggregations, SizeIs(1));
}

TEST_F(ProcessOfATraining, TakesUpAPendingAggregationWhenItWakes) {
  start_and_update();
  RecordedPorts after_restart;
  TrainingProcess again{process->training(), process->version(), after_restart.ports()};
  EXPECT_THAT(after_restart.aggregations, IsEmpty());
  again.wake();
  EXPECT_THAT(after_restart.aggregations, SizeIs(1));
}

TEST_F(ProcessOfATraining, AsksForTheAverageOfMomentsAndTakesItUpWhenItWakes) {
  auto swag = process->training();
  swag.uncertainty_method = domain::UncertaintyMethod::swag;
  process.emplace(swag, 1, ports.ports());
  start_and_update();
  carry_out(domain::RecordAggregation{ports.aggregations.back(), blob_id(9)});
  for (const std::uint8_t user : {std::uint8_t{3}, std::uint8_t{2}}) {
    carry_out(domain::SubmitMoments{.by = by(user),
                                    .round = 1,
                                    .sample_size = 1,
                                    .first_moment = blob_id(user),
                                    .second_moment = blob_id(user),
                                    .form = "float32 [2]"});
  }
  ASSERT_THAT(ports.averagings, SizeIs(1));
  EXPECT_EQ(ports.averagings[0].round, 1);
  EXPECT_EQ(ports.averagings[0].moments.at(0).participant, user_id(2)) << "the order of joining";
  EXPECT_FALSE(process->idle());
  RecordedPorts after_restart;
  TrainingProcess again{process->training(), process->version(), after_restart.ports()};
  again.wake();
  EXPECT_THAT(after_restart.averagings, SizeIs(1));
  carry_out(
      domain::RecordAveraging{ports.averagings.back(), domain::AveragedMoments{blob_id(20), blob_id(21)}});
  EXPECT_TRUE(process->idle());
  EXPECT_EQ(process->training().swag_first_moment, blob_id(20));
}

TEST_F(ProcessOfATraining, DrawsItsChanceAnewForEachDecision) {
  start_and_update();
  EXPECT_EQ(ports.decisions, 3U);
}

TEST_F(ProcessOfATraining, LeavesItsMomentsToTheModelWhenItIsDeleted) {
  auto ended = process->training();
  ended.swag_first_moment = blob_id(20);
  ended.swag_second_moment = blob_id(21);
  process.emplace(ended, 1, ports.ports());
  process->command(message(domain::DeleteTraining{by(1), std::nullopt}));
  const domain::ModelEvent expected = domain::ModelLeftTraining{.round = 0,
                                                                .weights = blob_id(1),
                                                                .preprocessing = {},
                                                                .swag_first_moment = blob_id(20),
                                                                .swag_second_moment = blob_id(21)};
  EXPECT_EQ(ports.appends.at(0).appends.at(1).events.at(0).payload,
            storage::EventCodec::encode(expected).payload);
}

TEST_F(ProcessOfATraining, HasNothingToTakeUpBeforeItStarts) {
  process->wake();
  EXPECT_THAT(ports.aggregations, IsEmpty());
  EXPECT_TRUE(process->idle());
}

TEST_F(ProcessOfATraining, ReleasesItsModelInTheCommitThatDeletesIt) {
  process->command(message(domain::DeleteTraining{by(1), std::nullopt}));
  ASSERT_THAT(ports.appends, SizeIs(1));
  ASSERT_THAT(ports.appends[0].appends, SizeIs(2));
  const auto& own = ports.appends[0].appends[0];
  const auto& model = ports.appends[0].appends[1];
  EXPECT_EQ(own.stream, storage::stream_of(training_id(1)));
  EXPECT_THAT(types_of(own), ElementsAre("TrainingDeleted"));
  EXPECT_EQ(model.stream, storage::stream_of(model_id(1)));
  EXPECT_EQ(model.expected_version, facts().model_version);
  EXPECT_THAT(types_of(model), ElementsAre("ModelLeftTraining"));
}

TEST_F(ProcessOfATraining, DeletesItsModelWithItWhenThatIsAsked) {
  process->command(message(domain::DeleteTraining{by(5), user_id(5)}));
  ASSERT_THAT(ports.appends, SizeIs(1));
  ASSERT_THAT(ports.appends[0].appends, SizeIs(2));
  EXPECT_THAT(types_of(ports.appends[0].appends[1]), ElementsAre("ModelDeleted"));
}

TEST_F(ProcessOfATraining, CountsOnlyItsOwnEventsAsItsVersion) {
  carry_out(domain::DeleteTraining{by(1), std::nullopt});
  EXPECT_EQ(process->version(), 2U);
  EXPECT_TRUE(process->training().deleted);
  EXPECT_EQ(carry_out(domain::StartTraining{by(1)})->error().reason, domain::Reason::training_not_found);
}

TEST_F(ProcessOfATraining, NamesWhatTheJournalCouldNotDo) {
  const auto reason = [](JournalErrorCode code) {
    return rejection_of({.code = code, .message = "why", .reply = {}}).reason;
  };
  EXPECT_EQ(reason(JournalErrorCode::version_mismatch), domain::Reason::busy);
  EXPECT_EQ(reason(JournalErrorCode::event_too_large), domain::Reason::invalid_request);
  EXPECT_EQ(reason(JournalErrorCode::invalid_event), domain::Reason::internal);
  EXPECT_EQ(reason(JournalErrorCode::disk_full), domain::Reason::storage_full);
  EXPECT_EQ(reason(JournalErrorCode::failed), domain::Reason::busy);
  EXPECT_EQ(reason(JournalErrorCode::closed), domain::Reason::busy);
}

TEST(AReply, IsAnInternalErrorWhenItIsDropped) {
  Answer answer;
  {
    const auto dropped = message(domain::StartTraining{by(1)}, answer);
  }
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->error().reason, domain::Reason::internal);
}

TEST(AReply, IsGivenOnceWhereverItWasMoved) {
  int answers = 0;
  {
    Reply first{[&](const Result<std::string>&) { ++answers; }};
    Reply second = std::move(first);
    second("done");
    second("done again");
  }
  EXPECT_EQ(answers, 1);
}

TEST(AReply, IsAbandonedWhenAnotherTakesItsPlace) {
  Answer replaced;
  Answer kept;
  Reply reply{[&](Result<std::string> result) { replaced = std::move(result); }};
  reply = Reply{[&](Result<std::string> result) { kept = std::move(result); }};
  EXPECT_EQ(replaced->error().reason, domain::Reason::internal);
  reply("done");
  EXPECT_EQ(kept->value(), "done");
}

}  // namespace
}  // namespace fedlog::actors
