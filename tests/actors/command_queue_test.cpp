#include "actors/command_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <caf/all.hpp>
#include <stdexcept>

#include "storage/data_folder.h"
#include "tests/actors/trainings.h"
#include "tests/temporary_folder.h"

namespace fedlog::actors {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class Commands : public ::testing::Test {
 protected:
  TemporaryFolder folder;
  std::unique_ptr<storage::Storage> storage = storage::open_memory_storage(folder.path());
  caf::actor_system_config configuration;
  caf::actor_system system{configuration};
  CommandQueue queue{system, storage->journal()};
};

TEST_F(Commands, ReturnWhatTheyCommitted) {
  const auto outcome = queue.run([]() -> Result<storage::Commit> { return storage::testing::upload(1); });
  ASSERT_TRUE(outcome.has_value());
  EXPECT_THAT(outcome->envelopes, SizeIs(1));
}

TEST_F(Commands, MayHaveNothingToDo) {
  const auto outcome = queue.run([]() -> Result<storage::Commit> { return storage::Commit{}; });
  ASSERT_TRUE(outcome.has_value());
  EXPECT_EQ(storage->journal().last_position(), 0U);
}

TEST_F(Commands, WithNothingToDoKeepTheirAnswerUnderTheirKey) {
  const auto keyed = [](std::string reply) {
    return [reply]() -> Result<storage::Commit> {
      storage::Commit commit;
      commit.idempotency_key = "key";
      commit.reply = reply;
      return commit;
    };
  };
  ASSERT_TRUE(queue.run(keyed("first")).has_value());
  EXPECT_EQ(storage->journal().reply_to("key"), "first");
  EXPECT_EQ(queue.run(keyed("second"))->reply, "first");
  EXPECT_EQ(storage->journal().last_position(), 0U);
}

TEST_F(Commands, ArePreparedAgainWhenAnotherWriterWasFaster) {
  int prepared = 0;
  const auto outcome = queue.run([&]() -> Result<storage::Commit> {
    if (++prepared == 1) return storage::testing::upload(1, 5);
    return storage::testing::upload(1);
  });
  EXPECT_TRUE(outcome.has_value());
  EXPECT_EQ(prepared, 2);
}

TEST_F(Commands, GiveUpWhenAnotherWriterIsAlwaysFaster) {
  int prepared = 0;
  const auto outcome = queue.run([&]() -> Result<storage::Commit> {
    ++prepared;
    return storage::testing::upload(1, 5);
  });
  EXPECT_EQ(outcome.error().reason, domain::Reason::busy);
  EXPECT_EQ(prepared, 3);
}

TEST_F(Commands, ThatThrowHurtNoOther) {
  const auto outcome =
      queue.run([]() -> Result<storage::Commit> { throw std::runtime_error("a damaged row"); });
  ASSERT_FALSE(outcome.has_value());
  EXPECT_EQ(outcome.error().reason, domain::Reason::internal);
  EXPECT_THAT(outcome.error().message, HasSubstr("a damaged row"));
  EXPECT_TRUE(queue.run([]() -> Result<storage::Commit> { return storage::testing::upload(1); }).has_value());
}

}  // namespace
}  // namespace fedlog::actors
