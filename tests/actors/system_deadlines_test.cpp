#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/actors/captured_log.h"
#include "tests/actors/living_system.h"

// Deadlines of trainings in a whole system, with a clock on the wall that tests set.
namespace fedlog::actors {
namespace {

using namespace testing;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Deadlines : public ThreeUsers {
 protected:
  Deadlines() {
    stop();
    options.now = [this] { return domain::Timestamp{clock_}; };
    start();
  }

  ~Deadlines() override { stop(); }  // it reads the clock

  domain::TrainingId start_training(const nlohmann::json& training_options) {
    TrainingRequest request;
    request.model = upload_model(as(owner)).value();
    request.participants = {ada, bob};
    request.options = training_options;
    const auto id = gateway().create_training(as(owner), request).value();
    EXPECT_TRUE(gateway().start_training(as(owner), id).has_value());
    return id;
  }

  static constexpr std::int64_t hour = 3'600'000'000;
  std::atomic<std::int64_t> clock_{1'700'000'000'000'000};
};

TEST_F(Deadlines, EndATrainingThatNobodySendsAnythingFor) {
  const auto id = start_training({{"round_deadline_s", 60}});
  stop();
  clock_ += hour;
  start();
  receiver.wait_for("/owner", "TRAINING_FINISHED");
  receiver.wait_for("/ada", "TRAINING_FINISHED");
  EXPECT_EQ(training(id).state, domain::TrainingState::error);
  EXPECT_THAT(training(id).reason, HasSubstr("2 of 2 participants had not sent an update"));
  EXPECT_EQ(count(id, "DeadlinePassed"), 1U);
}

TEST_F(Deadlines, PassWhileTheServerIsDownAndAreTakenUpWhenItStarts) {
  const auto id = start_training({{"round_deadline_s", 60}, {"min_updates", 1}});
  ASSERT_TRUE(submit(ada, id, {1, 2}).has_value());
  EXPECT_EQ(training(id).phase, domain::Phase::updating);
  EXPECT_THAT(storage.views().trainings_with_pending_work(), ElementsAre(id));
  stop();
  clock_ += hour;
  start();
  receiver.wait_for("/ada", "MODEL_TEST_ROUND", 1);
  receiver.wait_for("/bob", "MODEL_TEST_ROUND", 1);
  EXPECT_EQ(count(id, "DeadlinePassed"), 1U);
  EXPECT_EQ(count(id, "RoundAggregated"), 1U);
  EXPECT_THAT(training(id).participants, ElementsAre(ada, bob)) << "the straggler takes part as before";
}

TEST_F(Deadlines, AreTakenUpAgainWhenTheTrainingCrashesAsSoonAsItLives) {
  CapturedLog log;
  const auto id = start_training({{"round_deadline_s", 60}});
  stop();
  storage.journal().break_stream(storage::stream_of(id));
  clock_ += hour;
  start();
  EXPECT_THAT(log.wait_for("training actor crashed"), HasSubstr("restart_ms=100"));
  storage.journal().mend_stream(storage::stream_of(id));
  receiver.wait_for("/owner", "TRAINING_FINISHED");  // though no command comes
  EXPECT_EQ(count(id, "DeadlinePassed"), 1U);
}

TEST_F(Deadlines, KeepTheirTrainingAwakeAcrossARestart) {
  start_training({{"round_deadline_s", 60}});
  stop();
  options.idle_passivate = std::chrono::milliseconds{1};
  start();
  // Another training that comes to rest was idle for as long.
  const auto other = create_training(owner, {ada});
  ASSERT_TRUE(gateway().start_training(as(owner), other).has_value());
  const auto limit = std::chrono::steady_clock::now() + seconds{30};
  while (system->awake_trainings() > 1 && std::chrono::steady_clock::now() < limit) {
    std::this_thread::yield();
  }
  EXPECT_EQ(system->awake_trainings(), 1U);
}

}  // namespace
}  // namespace fedlog::actors
