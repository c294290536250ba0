#include "http/training_status.h"

#include <gtest/gtest.h>

namespace fedlog::http {
namespace {

domain::TrainingStatus status_with(std::optional<domain::Delivery> delivery,
                                   std::optional<domain::PendingNotification> requested) {
  domain::TrainingStatus status;
  status.state = domain::TrainingState::ongoing;
  status.phase = domain::Phase::updating;
  status.waits_for = domain::Wait::updates;
  status.awaited = {
      {.participant = {}, .last_delivery = std::move(delivery), .requested = std::move(requested)}};
  status.participants = 1;
  return status;
}

Body shown(const domain::TrainingStatus& status, const std::string& name = "ada") {
  return serialized(status, [&](domain::UserId) { return name; });
}

TEST(TrainingStatus, ShowsWhatWasDeliveredAndWhatIsOnItsWay) {
  const auto body = shown(status_with(
      domain::Delivery{.receiver = {},
                       .kind = domain::NotificationKind::training_start,
                       .round = {},
                       .outcome = domain::DeliveryOutcome::unreachable,
                       .status = 0,
                       .attempts = 3,
                       .detail = "no answer",
                       .at = {1'000'000}},
      domain::PendingNotification{.notification = {.receiver = {},
                                                   .kind = domain::NotificationKind::update_round_start,
                                                   .training = {},
                                                   .model = {},
                                                   .round = 2},
                                  .requested = {2'000'000},
                                  .progress = "it is being posted"}));
  EXPECT_EQ(body["awaited"][0]["last_delivery"].dump(),
            R"({"notification_type":"TRAINING_START","round":null,"outcome":"unreachable","status":0,)"
            R"("attempts":3,"detail":"no answer","at":"1970-01-01T00:00:01.000000Z"})");
  EXPECT_EQ(body["awaited"][0]["on_its_way"].dump(),
            R"({"notification_type":"UPDATE_ROUND_START","round":2,"since":"1970-01-01T00:00:02.000000Z",)"
            R"("progress":"it is being posted"})");
}

TEST(TrainingStatus, ShowsNullWhereThereIsNothing) {
  const auto body = shown(status_with({}, {}));
  for (const char* field : {"deadline", "at_deadline"}) EXPECT_TRUE(body[field].is_null()) << field;
  for (const char* field : {"last_delivery", "on_its_way"}) {
    EXPECT_TRUE(body["awaited"][0][field].is_null()) << field;
  }
}

TEST(TrainingStatus, ShowsItsDeadlineAndWhatComesThen) {
  auto status = status_with({}, {});
  status.deadline = domain::Timestamp{5'000'000};
  status.at_deadline = domain::AtDeadline::waits_again;
  const auto body = shown(status);
  EXPECT_EQ(body["deadline"], "1970-01-01T00:00:05.000000Z");
  EXPECT_EQ(body["at_deadline"], "waits_again");
}

TEST(TrainingStatus, IsReadableLineByLine) {
  const auto text = readable(shown(status_with({}, {})));
  EXPECT_TRUE(text.starts_with("In round 0 of 1 it waits")) << text;
  EXPECT_TRUE(text.ends_with("\n  ada: nothing was sent to it yet.\n")) << text;
}

TEST(TrainingStatus, GivesATerminalNothingToObey) {
  const auto text = readable(shown(status_with({}, {}), "a\x1b[2Jb\nc"));
  EXPECT_NE(text.find("  a?[2Jb?c: nothing was sent"), std::string::npos) << text;
}

}  // namespace
}  // namespace fedlog::http
