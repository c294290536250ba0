#include "tests/http/api_test.h"

namespace fedlog::http {
namespace {

using namespace testing;
using ::testing::_;
using ::testing::Field;
using ::testing::Return;

class AccountCalls : public ApiTest {
 protected:
  AccountCalls() {
    add_user(1, "ada");
    add_user(2, "root", true);
  }

  static std::string path(const std::string& call) {
    return "/api/users/00000000-0000-4000-8000-000000000001/" + call + "/";
  }

  const domain::UserId ada = id_number<domain::UserId>(1);
};

TEST_F(AccountCalls, ReplaceATokenAndShowTheNewOne) {
  EXPECT_CALL(gateway, replace_token(_, ada)).WillOnce([&](const actors::RequestContext& context, auto) {
    EXPECT_EQ(context.caller.id, ada);
    EXPECT_FALSE(context.caller.superuser);
    EXPECT_THAT(context.idempotency_key, ::testing::EndsWith(" key"));
    return std::string("new");
  });
  EXPECT_ANSWER(send(1, "POST", path("token"), {.headers = {{"Idempotency-Key", "key"}}}), 200,
                R"({"token":"new"})");
}

TEST_F(AccountCalls, PassOnWhatTheUserMayNotDo) {
  const auto refused = rejected(domain::Reason::permission_denied, "No.");
  EXPECT_CALL(gateway, replace_token).WillOnce(Return(refused));
  EXPECT_CALL(gateway, change_password).WillOnce(Return(refused));
  EXPECT_CALL(gateway, set_active).Times(2).WillRepeatedly(Return(refused));
  EXPECT_ANSWER(send(1, "POST", path("token")), 403, R"({"detail":"No."})");
  EXPECT_EQ(send_json(1, "POST", path("password"), {{"old_password", "a"}, {"new_password", "b"}}).status,
            403);
  EXPECT_EQ(send(1, "POST", path("deactivate")).status, 403);
  EXPECT_EQ(send(1, "POST", path("activate")).status, 403);
}

TEST_F(AccountCalls, ChangeAPasswordThatIsTakenAsItIs) {
  EXPECT_CALL(gateway, change_password(_, ada, _))
      .WillOnce([](auto&&, auto, const actors::PasswordChange& change) -> actors::Result<void> {
        EXPECT_EQ(change.old_password, " old ");
        EXPECT_EQ(change.new_password, " new ");
        EXPECT_EQ(change.address, "192.0.2.7");
        return {};
      });
  EXPECT_ANSWER(
      send_json(1, "POST", path("password"), {{"old_password", " old "}, {"new_password", " new "}}), 200,
      R"({"detail":"Password changed."})");
}

TEST_F(AccountCalls, NeedTheOldPasswordOfEveryoneButSuperusers) {
  EXPECT_ANSWER(send_json(1, "POST", path("password"), {{"new_password", "b"}}), 400,
                R"({"old_password":["This field is required."]})");
  EXPECT_ANSWER(send_json(1, "POST", path("password"), {{"old_password", "a"}, {"new_password", ""}}), 400,
                R"({"new_password":["This field may not be blank."]})");
  EXPECT_CALL(gateway, change_password(_, ada, Field(&actors::PasswordChange::old_password, std::nullopt)))
      .WillOnce(Return(actors::Result<void>{}));
  EXPECT_EQ(send_json(2, "POST", path("password"), {{"new_password", "b"}}).status, 200);
}

TEST_F(AccountCalls, LockAUserOutAndLetItIn) {
  EXPECT_CALL(gateway, set_active(_, ada, false, false)).WillOnce([&](auto&&, auto, bool, bool) {
    world.deactivate(1);
    return *world.views().user(ada);
  });
  const auto out = nlohmann::json::parse(text_of(send(2, "POST", path("deactivate"))));
  EXPECT_EQ(out.at("username"), "ada");
  EXPECT_EQ(out.at("x_active"), false);
  EXPECT_CALL(gateway, set_active(_, ada, true, false)).WillOnce(Return(world.user(1, "ada")));
  const auto in = nlohmann::json::parse(text_of(send(2, "POST", path("activate"))));
  EXPECT_FALSE(in.contains("x_active"));
}

TEST_F(AccountCalls, LockOutWhoRunsTrainingsOnlyWhenToldTo) {
  EXPECT_CALL(gateway, set_active(_, ada, false, false))
      .WillOnce(Return(rejected(domain::Reason::invalid_request, "The user runs trainings.")));
  EXPECT_ANSWER(send_json(2, "POST", path("deactivate"), nlohmann::json::object()), 400,
                R"({"detail":"The user runs trainings."})");
  EXPECT_CALL(gateway, set_active(_, ada, false, true)).WillOnce(Return(*world.views().user(ada)));
  EXPECT_EQ(send_json(2, "POST", path("deactivate"), {{"x_even_if_running", true}}).status, 200);
  EXPECT_ANSWER(send_json(2, "POST", path("deactivate"), {{"x_even_if_running", "perhaps"}}), 400,
                R"({"x_even_if_running":["Must be a valid boolean."]})");
}

TEST_F(AccountCalls, NeedAUserWhoExists) {
  EXPECT_ANSWER(send(2, "POST", "/api/users/nobody/token/"), 400, R"({"detail":"User nobody not found."})");
  EXPECT_CALL(gateway, replace_token)
      .WillOnce(Return(rejected(domain::Reason::user_not_found, "User x not found.")));
  EXPECT_ANSWER(send(2, "POST", path("token")), 400, R"({"detail":"User x not found."})");
}

TEST_F(AccountCalls, NeedCredentialsAndPost) {
  for (const auto* call : {"token", "password", "deactivate", "activate"}) {
    EXPECT_EQ(send(0, "POST", path(call)).status, 401) << call;
    EXPECT_EQ(send(1, "GET", path(call)).status, 405) << call;
  }
}

class Throttled : public AccountCalls {
 protected:
  Response ask(Authentication& authentication, std::uint8_t user) {
    const auto request = make_request("GET", "/api/users/", {{"Authorization", "Token " + token_of(user)}});
    auto answer = authentication.authenticate(request);
    return answer ? Response{} : std::move(answer.error());
  }

  domain::RateLimits::Time now{std::chrono::hours{1}};
};

TEST_F(Throttled, AreUsersWhoAskMoreOftenThanTheyMay) {
  Authentication authentication{gateway, 3, [this] { return now; }};
  for (int request = 0; request < 3; ++request) EXPECT_EQ(ask(authentication, 1).status, 200);
  const auto refused = ask(authentication, 1);
  EXPECT_ANSWER(refused, 429, R"({"detail":"Request was throttled. Expected available in 20 seconds."})");
  EXPECT_EQ(refused.headers.get("Retry-After"), "20");
  EXPECT_EQ(ask(authentication, 2).status, 200) << "others are not";
  now += std::chrono::seconds{20};
  EXPECT_EQ(ask(authentication, 1).status, 200);
  EXPECT_EQ(ask(authentication, 1).status, 429);
}

TEST_F(Throttled, IsNobodyByDefault) {
  for (int request = 0; request < 100; ++request) ASSERT_EQ(send(1, "GET", "/api/users/myself/").status, 200);
}

TEST_F(Throttled, AreUsersAsTheConfigurationSays) {
  settings.limits.requests_per_minute_per_user = 1;
  const Application application{gateway, settings};
  const auto ask_once = [&] {
    const auto request =
        make_request("GET", "/api/users/myself/", {{"Authorization", "Token " + token_of(1)}});
    StringBody body{"", piece_bytes};
    return application.answer(request, body).status;
  };
  EXPECT_EQ(ask_once(), 200);
  EXPECT_EQ(ask_once(), 429);
}

}  // namespace
}  // namespace fedlog::http
