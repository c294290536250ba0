#include "actors/delivery.h"

#include <gtest/gtest.h>

#include "tests/actors/trainings.h"

namespace fedlog::actors {
namespace {

using namespace testing;
using enum domain::NotificationKind;

constexpr auto all_kinds = {training_start,   update_round_start, swag_round_start,
                            model_test_round, training_finished,  client_removed};

TEST(NextStep, IsTheSameForEveryKindWhereTheAnswerIsPlain) {
  for (const auto kind : all_kinds) {
    for (const int status : {200, 201, 202, 204, 299}) {
      EXPECT_EQ(next_step(kind, {status, ""}), Next::settle_delivered) << status;
    }
    for (const int status : {100, 301, 302, 400, 401, 404, 500, 501, 502, 504}) {
      EXPECT_EQ(next_step(kind, {status, ""}), Next::settle_refused) << status;
    }
    EXPECT_EQ(next_step(kind, {0, "no connection"}), Next::retry);
  }
}

TEST(NextStep, LetsAReceiverThatIsAskedForWorkSayLater) {
  for (const int status : {408, 429, 503}) {
    for (const auto kind : {update_round_start, swag_round_start, model_test_round}) {
      EXPECT_EQ(next_step(kind, {status, ""}), Next::retry) << status;
    }
    for (const auto kind : {training_start, training_finished, client_removed}) {
      EXPECT_EQ(next_step(kind, {status, ""}), Next::settle_refused) << status;
    }
  }
}

TEST(NextStep, IsNoRepetitionWhereNothingCanBePosted) {
  for (const auto kind : all_kinds) {
    EXPECT_EQ(next_step(kind, {0, "gone", Obstacle::gone}), Next::settle_dropped);
    EXPECT_EQ(next_step(kind, {0, "denied", Obstacle::no_target}), Next::settle_unreachable);
    EXPECT_EQ(next_step(kind, {0, "", Obstacle::polls}), Next::wait_for_poll);
  }
}

TEST(WaitAfter, DoublesUpToTheLongestWait) {
  using std::chrono::milliseconds;
  const RetryPolicy policy{.first = milliseconds{100}, .max = milliseconds{1000}, .span = milliseconds{0}};
  const auto bounds = [&](int failures) {
    return std::pair{wait_after(failures, policy, 0.0), wait_after(failures, policy, 0.999999)};
  };
  EXPECT_EQ(bounds(1), std::pair(milliseconds{50}, milliseconds{99}));
  EXPECT_EQ(bounds(2), std::pair(milliseconds{100}, milliseconds{199}));
  EXPECT_EQ(bounds(4), std::pair(milliseconds{400}, milliseconds{799}));
  EXPECT_EQ(bounds(5), std::pair(milliseconds{500}, milliseconds{999}));
  EXPECT_EQ(bounds(1'000'000), std::pair(milliseconds{500}, milliseconds{999}));
}

TEST(Progress, IsToldInWords) {
  const domain::Notification update{.receiver = user_id(2),
                                    .kind = update_round_start,
                                    .training = training_id(1),
                                    .model = model_id(1),
                                    .round = 3};
  PendingDelivery first;
  first.row.notification = update;
  EXPECT_EQ(progress_of(update, first), "the first attempt is waiting for its turn");
  first.state = PendingDelivery::State::under_way;
  EXPECT_EQ(progress_of(update, first), "attempt 1 is being made");
  first.state = PendingDelivery::State::waiting;
  first.attempts = 1;
  first.last = {.status = 0, .problem = "nobody answers"};
  first.until = domain::Timestamp{5'000'000};
  EXPECT_EQ(progress_of(update, first),
            "1 attempt failed (nobody answers), the next is at 1970-01-01T00:00:05.000000Z");
  first.attempts = 2;
  first.last = {.status = 503, .problem = {}};
  EXPECT_EQ(progress_of(update, first),
            "2 attempts failed (answered 503), the next is at 1970-01-01T00:00:05.000000Z");
  auto later = update;
  later.kind = model_test_round;
  EXPECT_EQ(progress_of(later, first),
            "it waits behind UPDATE_ROUND_START: 2 attempts failed (answered 503), the next is at "
            "1970-01-01T00:00:05.000000Z");
  first.state = PendingDelivery::State::polled;
  EXPECT_EQ(progress_of(update, first), "its receiver has to ask for it, until 1970-01-01T00:00:05.000000Z");
  first.state = PendingDelivery::State::settling;
  EXPECT_EQ(progress_of(update, first), "its outcome is being recorded");
}

TEST(Body, IsWhatReceiversParse) {
  const auto body = [](domain::NotificationKind kind, std::optional<std::int64_t> round) {
    return body_of({.receiver = user_id(2),
                    .kind = kind,
                    .training = training_id(1),
                    .model = model_id(3),
                    .round = round});
  };
  EXPECT_EQ(
      body(training_start, std::nullopt),
      R"({"notification_type":"TRAINING_START","body":{"global_model_uuid":)"
      R"("0f000000-0000-0000-0000-000000000003"},"training_uuid":"0f000000-0000-0000-0000-000000000001"})");
  EXPECT_EQ(
      body(update_round_start, 0),
      R"({"notification_type":"UPDATE_ROUND_START","body":{"round":0,"global_model_uuid":)"
      R"("0f000000-0000-0000-0000-000000000003"},"training_uuid":"0f000000-0000-0000-0000-000000000001"})");
}

TEST(Body, HandsOutWhatFedProxNeeds) {
  const auto body = nlohmann::json::parse(body_of({.receiver = user_id(2),
                                                   .kind = update_round_start,
                                                   .training = training_id(1),
                                                   .model = model_id(3),
                                                   .round = 4,
                                                   .mu = 0.25}));
  EXPECT_EQ(body["body"],
            (nlohmann::json{{"round", 4}, {"global_model_uuid", model_id(3).text()}, {"x_mu", 0.25}}));
}

TEST(Body, SaysWhyATrainingEndedByAnError) {
  const auto body = nlohmann::json::parse(body_of({.receiver = user_id(2),
                                                   .kind = training_finished,
                                                   .training = training_id(1),
                                                   .model = model_id(3),
                                                   .round = {},
                                                   .mu = {},
                                                   .reason = "Cancelled \xff."}));
  EXPECT_EQ(body["body"]["x_state"], "E");
  EXPECT_EQ(body["body"]["x_reason"], "Cancelled \xef\xbf\xbd.") << "whatever its bytes are, it is JSON";
}

TEST(Body, OfAPingIsOneThatReceiversCanParse) {
  EXPECT_EQ(ping_body(), R"({"notification_type":"PING","body":{},"training_uuid":null})");
}

}  // namespace
}  // namespace fedlog::actors
