#include "tests/http/api_test.h"

namespace fedlog::http {
namespace {

using namespace testing;
using ::testing::_;
using ::testing::ByMove;
using ::testing::Return;
using Rows = std::vector<storage::OutboxRow>;

class FakeWait final : public actors::NotificationWait {
 public:
  FakeWait(bool& alive, std::function<void()>& news) : alive_(alive), news_(news) { alive_ = true; }
  ~FakeWait() override { alive_ = false; }
  void listen(std::function<void()> news) override { news_ = std::move(news); }

 private:
  bool& alive_;
  std::function<void()>& news_;
};

class NotificationCalls : public ApiTest {
 protected:
  NotificationCalls() {
    add_user(1, "ada");
    add_user(2, "root", true);
    ON_CALL(gateway, await_notification(ada)).WillByDefault([this](domain::UserId) {
      return std::make_unique<FakeWait>(waits, news);
    });
  }

  // User 1 asks with the query, and the application lives on while the answer waits.
  Response ask(const std::string& query) {
    auto request = make_request("GET", path + query, {{"Authorization", "Token " + token_of(1)}});
    StringBody body{"", piece_bytes};
    return application.answer(request, body);
  }

  static storage::OutboxRow row(std::uint64_t position) {
    return {.position = position,
            .id = id_number<domain::EventId>(7),
            .notification = {.receiver = id_number<domain::UserId>(1),
                             .kind = domain::NotificationKind::update_round_start,
                             .training = id_number<domain::TrainingId>(2),
                             .model = id_number<domain::ModelId>(3),
                             .round = 4},
            .requested = {.microseconds = 1'769'847'300'000'123}};
  }
  static constexpr auto path = "/api/users/notifications/";
  static constexpr auto nothing = R"({"notifications":[],"cursor":17})";
  static constexpr auto one =
      R"({"notifications":[{"cursor":42,"delivery":"00000000-0000-4000-8000-000000000007",)"
      R"("created":"2026-01-31T08:15:00.000123Z","notification_type":"UPDATE_ROUND_START",)"
      R"("body":{"round":4,"global_model_uuid":"00000000-0000-4000-8000-000000000003"},)"
      R"("training_uuid":"00000000-0000-4000-8000-000000000002"}],"cursor":42})";

  const domain::UserId ada = id_number<domain::UserId>(1);
  const Application application{gateway, settings};
  bool waits = false;
  std::function<void()> news;
};

TEST_F(NotificationCalls, GiveWhatIsThereWithACursor) {
  EXPECT_CALL(gateway, notifications(_, 17)).WillOnce([&](const actors::RequestContext& context, auto) {
    EXPECT_EQ(context.caller.id, ada);
    return Rows{row(42)};
  });
  EXPECT_ANSWER(send(1, "GET", std::string{path} + "?after=17"), 200, one);
}

TEST_F(NotificationCalls, BeginWithEverythingAndWithoutAWait) {
  EXPECT_CALL(gateway, await_notification).Times(0);
  EXPECT_CALL(gateway, notifications(_, 0)).WillOnce(Return(Rows{}));
  const auto answer = send(1, "GET", path);
  EXPECT_ANSWER(answer, 200, R"({"notifications":[],"cursor":0})");
  EXPECT_EQ(answer.deferral, nullptr);
}

TEST_F(NotificationCalls, WaitWhereThereIsNothing) {
  EXPECT_CALL(gateway, notifications(_, 17)).WillOnce(Return(Rows{})).WillOnce(Return(Rows{row(42)}));
  auto answer = ask("?after=17&wait_s=30");
  ASSERT_NE(answer.deferral, nullptr);
  EXPECT_TRUE(waits);
  EXPECT_EQ(answer.headers.get("Cache-Control"), "no-store");
  bool ready = false;
  answer.deferral->listen([&] { ready = true; });
  news();
  EXPECT_TRUE(ready);
  answer.deferral->complete(answer);
  EXPECT_ANSWER(answer, 200, one);
  EXPECT_EQ(answer.headers.get("Cache-Control"), "no-store");
  answer.deferral.reset();
  EXPECT_FALSE(waits) << "the wait ends with the answer";
}

TEST_F(NotificationCalls, DoNotWaitWhereSomethingIsThere) {
  EXPECT_CALL(gateway, notifications(_, 17)).WillOnce(Return(Rows{row(42)}));
  const auto answer = ask("?after=17&wait_s=30");
  EXPECT_EQ(answer.deferral, nullptr);
  EXPECT_FALSE(waits);
}

TEST_F(NotificationCalls, AreAnsweredAtOnceWhereTooManyWait) {
  EXPECT_CALL(gateway, await_notification(ada))
      .WillOnce(Return(ByMove(std::unique_ptr<actors::NotificationWait>{})));
  EXPECT_CALL(gateway, notifications(_, 17)).WillOnce(Return(Rows{}));
  const auto answer = ask("?after=17&wait_s=30");
  EXPECT_ANSWER(answer, 200, nothing);
  EXPECT_EQ(answer.deferral, nullptr);
}

TEST_F(NotificationCalls, TellNothingToWhoIsLockedOutMeanwhile) {
  EXPECT_CALL(gateway, notifications(_, 17)).WillOnce(Return(Rows{}));
  auto answer = ask("?after=17&wait_s=30");
  ASSERT_NE(answer.deferral, nullptr);
  world.deactivate(1);
  answer.deferral->complete(answer);
  EXPECT_ANSWER(answer, 401, R"({"detail":"User inactive or deleted."})");
}

TEST_F(NotificationCalls, DoNotWaitForHead) {
  EXPECT_CALL(gateway, await_notification).Times(0);
  EXPECT_CALL(gateway, notifications).Times(0);  // which hands them out
  EXPECT_EQ(send(1, "HEAD", std::string{path} + "?wait_s=30").deferral, nullptr);
}

TEST_F(NotificationCalls, RefuseWhatMakesNoSense) {
  EXPECT_CALL(gateway, notifications).Times(0);
  const std::pair<std::string, std::string> cases[] = {
      {"after=-1", R"({"after":["Ensure this value is greater than or equal to 0."]})"},
      {"after=x", R"({"after":["A valid integer is required."]})"},
      {"wait_s=61", R"({"wait_s":["Ensure this value is less than or equal to 60."]})"},
      {"since=1", R"({"since":["There is no such parameter; there are after and wait_s."]})"},
  };
  for (const auto& [query, expected] : cases) {
    EXPECT_ANSWER(send(1, "GET", std::string{path} + "?" + query), 400, expected);
  }
  EXPECT_EQ(send(0, "GET", path).status, 401);
}

TEST_F(NotificationCalls, PassOnThatACursorIsWrong) {
  EXPECT_CALL(gateway, notifications)
      .WillOnce(Return(rejected(domain::Reason::invalid_field, "No.", "after")));
  const auto answer = send(1, "GET", std::string{path} + "?after=99&wait_s=30");
  EXPECT_ANSWER(answer, 400, R"({"after":["No."]})");
  EXPECT_EQ(answer.deferral, nullptr);
}

class PingCalls : public NotificationCalls {
 protected:
  static constexpr auto ping_path = "/api/users/00000000-0000-4000-8000-000000000001/ping/";
};

TEST_F(PingCalls, TellWhatCameBack) {
  EXPECT_CALL(gateway, ping(_, ada))
      .WillOnce(Return(actors::PingAnswer{.status = 404, .duration_ms = 12, .problem = "It refuses."}))
      .WillOnce(Return(actors::PingAnswer{.status = 200, .duration_ms = 0, .problem = {}}))
      .WillOnce(Return(actors::PingAnswer{.status = {}, .duration_ms = {}, .problem = "Nothing is posted."}));
  EXPECT_ANSWER(send(1, "POST", ping_path), 200, R"({"x_status":404,"x_ms":12,"x_problem":"It refuses."})");
  EXPECT_ANSWER(send(1, "POST", ping_path), 200, R"({"x_status":200,"x_ms":0,"x_problem":null})");
  EXPECT_ANSWER(send(2, "POST", ping_path), 200,
                R"({"x_status":null,"x_ms":null,"x_problem":"Nothing is posted."})");
}

TEST_F(PingCalls, PassOnWhatIsRefused) {
  EXPECT_CALL(gateway, ping)
      .WillOnce(Return(rejected(domain::Reason::permission_denied, "No.")))
      .WillOnce(Return(std::unexpected(domain::throttled(std::chrono::seconds{10}))));
  EXPECT_ANSWER(send(1, "POST", ping_path), 403, R"({"detail":"No."})");
  const auto throttled = send(1, "POST", ping_path);
  EXPECT_EQ(throttled.status, 429);
  EXPECT_EQ(throttled.headers.get("Retry-After"), "10");
  EXPECT_ANSWER(send(1, "POST", "/api/users/nobody/ping/"), 400, R"({"detail":"User nobody not found."})");
  EXPECT_EQ(send(0, "POST", ping_path).status, 401);
}

}  // namespace
}  // namespace fedlog::http
