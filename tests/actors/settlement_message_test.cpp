#include "actors/settlement_message.h"

#include <gtest/gtest.h>

namespace fedlog::actors {
namespace {

// Whether the notifier hears that its delivery is recorded when the training answers so.
bool is_recorded_after(Result<std::string> answer) {
  bool recorded = false;
  auto message = settlement_message({}, [&] { recorded = true; });
  message.reply(std::move(answer));
  return recorded;
}

Result<std::string> rejection(domain::Reason reason) {
  return std::unexpected(domain::Rejection{reason, "a reason"});
}

TEST(SettlementMessage, TellsWhenTheOutcomeIsDurable) {
  EXPECT_TRUE(is_recorded_after(std::string{}));
}

TEST(SettlementMessage, LetsTheReceiverGoOnWhenItsTrainingIsGone) {
  EXPECT_TRUE(is_recorded_after(rejection(domain::Reason::training_not_found)));
}

TEST(SettlementMessage, HoldsTheReceiverBackWhereTheJournalRefusesToWrite) {
  EXPECT_FALSE(is_recorded_after(rejection(domain::Reason::storage_full)));
  EXPECT_FALSE(is_recorded_after(rejection(domain::Reason::busy)));
}

TEST(SettlementMessage, SaysWhatBecameOfTheNotification) {
  const auto message = settlement_message(
      {.row = {}, .outcome = domain::DeliveryOutcome::refused, .status = 500, .attempts = 2, .detail = "why"},
      [] {});
  const auto& command = std::get<domain::RecordDelivery>(message.command);
  EXPECT_EQ(command.outcome, domain::DeliveryOutcome::refused);
  EXPECT_EQ(command.status, 500);
  EXPECT_EQ(command.attempts, 2);
  EXPECT_EQ(command.detail, "why");
}

}  // namespace
}  // namespace fedlog::actors
