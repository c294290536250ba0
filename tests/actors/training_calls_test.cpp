#include "actors/training_calls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/data_folder.h"
#include "tests/storage/examples.h"
#include "tests/temporary_folder.h"

namespace fedlog::actors {
namespace {

namespace given = storage::testing;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// User 1 owns training 1, in which user 2 takes part and is being told of round 0; user 3 is a stranger.
class CallsOfATraining : public ::testing::Test {
 protected:
  CallsOfATraining() {
    for (std::uint8_t number = 1; number <= 3; ++number) {
      commit(given::registration(*storage_, number, "user-" + std::to_string(number)));
    }
    commit(given::upload(1));
    const std::vector<domain::TrainingEvent> events{
        given::created(1, 1, given::user_id(1), {given::user_id(2)}), domain::TrainingStarted{},
        domain::RoundOpened{0},
        domain::NotificationRequested{{.receiver = given::user_id(2),
                                       .kind = domain::NotificationKind::update_round_start,
                                       .training = given::training_id(1),
                                       .model = given::model_id(1),
                                       .round = 0}}};
    std::vector<storage::NewEvent> encoded;
    for (const auto& event : events) encoded.push_back(storage::EventCodec::encode(event));
    commit(given::commit_of(storage::stream_of(given::training_id(1)), 0, std::move(encoded)));
  }

  void commit(storage::Commit commit) { ASSERT_TRUE(storage_->journal().append_and_wait(std::move(commit))); }

  static RequestContext by(std::uint8_t user) {
    return {.caller = {.id = given::user_id(user), .superuser = false},
            .correlation = "request",
            .idempotency_key = {}};
  }

  template <class Command>
  domain::Caller caller_of_the_last() const {
    return sent_.empty() || !std::holds_alternative<Command>(sent_.back())
               ? domain::Caller{}
               : std::get<Command>(sent_.back()).by;
  }

  template <class Command>
  void expect_sent(TrainingControl control) {
    ASSERT_TRUE(calls_.control(by(2), given::training_id(1), control));
    EXPECT_EQ(caller_of_the_last<Command>().id, given::user_id(2));
  }

  TemporaryFolder folder_;
  std::unique_ptr<storage::Storage> storage_ = storage::open_memory_storage(folder_.path());
  std::vector<domain::TrainingCommand> sent_;
  std::vector<std::vector<domain::UserId>> checked_;
  std::optional<PendingDelivery> pending_;
  TrainingCalls calls_{*storage_,
                       [this](const auto& users) {
                         checked_.push_back(users);
                         return Result<void>{};
                       },
                       [this](const auto&, auto, auto command) {
                         sent_.push_back(std::move(command));
                         return Result<void>{};
                       },
                       [this](auto, auto) { return pending_; }};
};

TEST_F(CallsOfATraining, SendTheCommandThatEachControlStandsFor) {
  expect_sent<domain::CancelTraining>(TrainingControl::cancel);
  expect_sent<domain::PauseTraining>(TrainingControl::pause);
  expect_sent<domain::ResumeTraining>(TrainingControl::resume);
  expect_sent<domain::LeaveTraining>(TrainingControl::leave);
  expect_sent<domain::JoinTraining>(TrainingControl::join);
}

TEST_F(CallsOfATraining, TellItsStatusToWhoMaySeeIt) {
  const auto status = calls_.status(by(2), given::training_id(1));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->waits_for, domain::Wait::updates);
  ASSERT_THAT(status->awaited, SizeIs(1));
  EXPECT_EQ(status->awaited[0].requested->notification.round, 0);
  EXPECT_THAT(status->awaited[0].requested->progress, IsEmpty()) << "nothing is known of its delivery";
  EXPECT_EQ(calls_.status(by(3), given::training_id(1)).error().reason, domain::Reason::permission_denied);
  EXPECT_EQ(calls_.status(by(1), given::training_id(9)).error().reason, domain::Reason::training_not_found);
}

TEST_F(CallsOfATraining, TellHowADeliveryThatIsOnItsWayStands) {
  pending_ = PendingDelivery{};
  pending_->row.notification = storage_->views().pending_in(given::training_id(1)).at(0).notification;
  pending_->attempts = 2;
  pending_->last.problem = "connection refused";
  const auto status = calls_.status(by(1), given::training_id(1));
  ASSERT_TRUE(status);
  EXPECT_THAT(status->awaited.at(0).requested->progress, HasSubstr("2 attempts failed (connection refused)"));
}

TEST_F(CallsOfATraining, ThatChangeParticipantsAskForRightsBeforeTheyLookAtUsers) {
  EXPECT_EQ(calls_.add_participants(by(3), given::training_id(1), {given::user_id(9)}).error().reason,
            domain::Reason::permission_denied);
  EXPECT_EQ(calls_.remove_participants(by(1), given::training_id(9), {given::user_id(9)}).error().reason,
            domain::Reason::training_not_found);
  EXPECT_THAT(checked_, IsEmpty());
  ASSERT_TRUE(calls_.add_participants(by(1), given::training_id(1), {given::user_id(3)}));
  EXPECT_THAT(checked_, SizeIs(1));
  EXPECT_EQ(caller_of_the_last<domain::AddParticipants>().id, given::user_id(1));
  ASSERT_TRUE(calls_.remove_participants(by(1), given::training_id(1), {given::user_id(2)}));
  EXPECT_EQ(caller_of_the_last<domain::RemoveParticipants>().id, given::user_id(1));
}

}  // namespace
}  // namespace fedlog::actors
