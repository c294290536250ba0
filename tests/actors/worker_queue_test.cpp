#include "actors/worker_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace fedlog::actors {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AWorkerQueue : public ::testing::Test {
 protected:
  WorkerQueue::Ticket enter(const std::string& caller, const std::string& model = "digits") {
    const auto ticket = queue.enter(caller, model);
    EXPECT_TRUE(ticket.has_value()) << ticket.error().message;
    if (!ticket) return UINT64_MAX;
    who[*ticket] = caller;
    return *ticket;
  }
  std::vector<std::string> turns(std::size_t count) {
    std::vector<std::string> callers;
    for (std::size_t turn = 0; turn < count; ++turn) {
      const auto ticket = queue.next([](const std::string&) { return true; });
      if (!ticket) break;
      callers.push_back(who[*ticket]);
      queue.go(*ticket);
    }
    return callers;
  }
  void expect_refused(const std::string& caller, const std::string& model, ExecutionErrorCode code,
                      const std::string& words) {
    const auto size = queue.size();
    const auto ticket = queue.enter(caller, model);
    ASSERT_FALSE(ticket.has_value());
    EXPECT_EQ(ticket.error().code, code);
    EXPECT_THAT(ticket.error().message, HasSubstr(words));
    EXPECT_EQ(queue.size(), size);
  }

  WorkerQueue queue{{.all = 4, .per_caller = 3, .per_model = 4}};
  std::map<WorkerQueue::Ticket, std::string> who;
};

TEST_F(AWorkerQueue, GivesCallersTheirTurnsOneAfterTheOther) {
  for (const auto* caller : {"ada", "ada", "ada", "bob"}) enter(caller);
  EXPECT_THAT(turns(4), ElementsAre("ada", "bob", "ada", "ada"));
}

TEST_F(AWorkerQueue, CountsTheTurnsOfThoseWhoDidNotWait) {
  queue.pass("ada");
  enter("ada");
  enter("bob");
  EXPECT_THAT(turns(2), ElementsAre("bob", "ada"));
}

TEST_F(AWorkerQueue, LeavesOutWhoMayNotGo) {
  enter("ada");
  const auto bobs = enter("bob");
  EXPECT_EQ(queue.next([](const std::string& caller) { return caller != "ada"; }), bobs);
  EXPECT_EQ(queue.next([](const std::string&) { return false; }), std::nullopt);
}

TEST_F(AWorkerQueue, GivesATurnThatWasGivenUpBackToItsCaller) {
  queue.pass("ada");
  queue.leave(enter("ada"));
  queue.pass("bob");
  enter("bob");
  enter("ada");
  EXPECT_THAT(turns(2), ElementsAre("bob", "ada")) << "each has the second turn";
}

TEST_F(AWorkerQueue, TakesNoMoreOfACallerThanItsPart) {
  for (int request = 0; request < 3; ++request) enter("ada");
  expect_refused("ada", "letters", ExecutionErrorCode::caller_busy, "3 of your predictions");
}

TEST_F(AWorkerQueue, GivesTheNewestPlaceOfWhoHasMostToWhoHasNone) {
  const auto first = enter("ada");
  const auto second = enter("ada");
  const auto third = enter("ada");
  const auto bobs = enter("bob");
  const auto eves = enter("eve");
  EXPECT_FALSE(queue.holds(third));
  for (const auto kept : {first, second, bobs, eves}) EXPECT_TRUE(queue.holds(kept));
  EXPECT_EQ(queue.size(), 4U);
  // Then everybody has a share that nobody may complain about.
  expect_refused("bob", "digits", ExecutionErrorCode::busy, "4 requests wait");
  expect_refused("ada", "digits", ExecutionErrorCode::busy, "4 requests wait");
  const auto anns = enter("ann");
  EXPECT_FALSE(queue.holds(second));
  EXPECT_TRUE(queue.holds(anns));
  expect_refused("joe", "digits", ExecutionErrorCode::busy, "4 requests wait");
}

TEST_F(AWorkerQueue, SharesTheRequestsForAModelLikewise) {
  queue = WorkerQueue{{.all = 8, .per_caller = 8, .per_model = 2}};
  const auto letters = enter("ada", "letters");
  enter("ada", "letters");
  enter("bob", "digits");
  const auto bobs = enter("bob", "digits");
  expect_refused("bob", "digits", ExecutionErrorCode::busy, "2 requests wait for this model");
  const auto eves = enter("eve", "digits");
  EXPECT_FALSE(queue.holds(bobs)) << "only places of those who ask for the same model are shared";
  EXPECT_TRUE(queue.holds(letters));
  EXPECT_TRUE(queue.holds(eves));
}

TEST_F(AWorkerQueue, TakesAPlaceFromAndForNobodyWithoutAName) {
  for (int request = 0; request < 4; ++request) enter("");
  expect_refused("ada", "digits", ExecutionErrorCode::busy, "4 requests wait");
  turns(4);
  for (int request = 0; request < 3; ++request) enter("ada");
  enter("bob");
  expect_refused("", "", ExecutionErrorCode::busy, "4 requests wait");
}

}  // namespace
}  // namespace fedlog::actors
