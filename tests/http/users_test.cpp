#include "tests/http/api_test.h"

namespace fedlog::http {
namespace {

using namespace testing;
using ::testing::_;
using ::testing::Return;

constexpr auto ada_json =
    R"({"username":"ada","first_name":"Ada","last_name":"Lovelace","email":"ada@example.org",)"
    R"("id":"00000000-0000-4000-8000-000000000001","actor":true,"client":false,)"
    R"("message_endpoint":"https://ada.example.org/hook")";

class Users : public ApiTest {
 protected:
  static nlohmann::json registration() {
    return {{"username", "ada"}, {"password", "enchantress"}, {"message_endpoint", "https://a.example/"}};
  }
};

TEST_F(Users, RegisterWithoutCredentialsAndAreShownTheirToken) {
  const auto ada = world.user(1, "ada");
  EXPECT_CALL(gateway, register_user(_, "request-1"))
      .WillOnce([&](const actors::Registration& registration, const std::string&) {
        EXPECT_EQ(registration.username, "ada");
        EXPECT_EQ(registration.password, " secret ");
        EXPECT_EQ(registration.first_name, "Ada");
        EXPECT_EQ(registration.email, "");
        EXPECT_TRUE(registration.actor);
        EXPECT_FALSE(registration.client);
        EXPECT_FALSE(registration.superuser);
        return actors::RegisteredUser{ada, token_of(1)};
      });
  const auto answer = send_json(0, "POST", "/api/users/",
                                {{"username", " ada "},
                                 {"password", " secret "},
                                 {"first_name", "Ada"},
                                 {"actor", "yes"},
                                 {"is_superuser", true},
                                 {"shoe_size", 42},
                                 {"message_endpoint", "https://ada.example.org/hook"}});
  EXPECT_ANSWER(answer, 201, ada_json + std::string{R"(,"token":")"} + token_of(1) + "\"}");
}

TEST_F(Users, RegisterWithAForm) {
  EXPECT_CALL(gateway, register_user(_, _))
      .WillOnce([&](const actors::Registration& registration, const std::string&) {
        EXPECT_EQ(registration.username, "bob");
        EXPECT_EQ(registration.last_name, "");
        return rejected(domain::Reason::name_taken, "A user with that username already exists.", "username");
      });
  EXPECT_ANSWER(
      send_form(0, "POST", "/api/users/",
                "username=bob&password=x&last_name=&message_endpoint=http%3A%2F%2Flocalhost%3A1%2F"),
      400, R"({"username":["A user with that username already exists."]})");
}

// Anybody may send it, and each value takes many times its text in memory.
TEST_F(Users, RegisterWithLittle) {
  const auto large = [](std::size_t bytes) { return "{\"username\":\"" + std::string(bytes, 'x') + "\"}"; };
  EXPECT_ANSWER(send(0, "POST", "/api/users/", {"application/json", large(1024 * 1024)}), 413,
                R"({"detail":"A JSON body may have at most 1048576 bytes on this server (its setting )"
                R"(limits.json_bytes_max)."})");
  EXPECT_ANSWER(send_json(0, "POST", "/api/users/", {{"username", std::vector<int>(10'000)}}), 400,
                R"({"detail":"JSON parse error - more than 10000 values"})");
}

TEST_F(Users, AreToldEverythingThatIsMissing) {
  EXPECT_ANSWER(send_json(0, "POST", "/api/users/", nlohmann::json::object()), 400,
                R"({"username":["This field is required."],"password":["This field is required."],)"
                R"("message_endpoint":["This field is required."]})");
}

TEST_F(Users, AreToldWhatIsWrongWithAField) {
  const std::pair<nlohmann::json, std::string> cases[] = {
      {{{"actor", "maybe"}}, R"({"actor":["Must be a valid boolean."]})"},
      {{{"actor", nullptr}}, R"({"actor":["This field may not be null."]})"},
      {{{"username", ""}}, R"({"username":["This field may not be blank."]})"},
      {{{"username", true}}, R"({"username":["Not a valid string."]})"},
      {{{"username", std::string(151, 'x')}},
       R"({"username":["Ensure this field has no more than 150 characters."]})"},
      {{{"password", std::string("a\0b", 3)}}, R"({"password":["Null characters are not allowed."]})"},
      {{{"message_endpoint", "ftp://a"}}, R"({"message_endpoint":["Enter a valid URL."]})"},
      {{{"message_endpoint", "http://"}}, R"({"message_endpoint":["Enter a valid URL."]})"},
      {{{"message_endpoint", "http://a b/"}}, R"({"message_endpoint":["Enter a valid URL."]})"},
  };
  for (const auto& [change, expected] : cases) {
    auto body = registration();
    body.update(change);
    EXPECT_ANSWER(send_json(0, "POST", "/api/users/", body), 400, expected);
  }
}

TEST_F(Users, CannotRegisterWithAListOrWithBrokenJson) {
  EXPECT_ANSWER(send_json(0, "POST", "/api/users/", {1, 2}), 400,
                R"({"non_field_errors":["Invalid data. Expected a dictionary, but got list."]})");
  EXPECT_ANSWER(send(0, "POST", "/api/users/", {"application/json", "{not json"}), 400, broken_json_answer);
  EXPECT_ANSWER(send(0, "POST", "/api/users/", {"application/xml", "<a/>"}), 415,
                R"({"detail":"Unsupported media type \"application/xml\" in request."})");
}

TEST_F(Users, OnlySuperusersRegisterOthersWhereRegistrationIsClosed) {
  settings.accounts.registration = config::Registration::closed;
  add_user(1, "ada");
  const auto root = add_user(2, "root", true);
  EXPECT_EQ(send_json(0, "POST", "/api/users/", registration()).status, 403);
  EXPECT_EQ(send_json(1, "POST", "/api/users/", registration()).status, 403);
  EXPECT_CALL(gateway, register_user(_, _)).WillOnce(Return(actors::RegisteredUser{root, "t"}));
  EXPECT_EQ(send_json(2, "POST", "/api/users/", registration()).status, 201);
}

TEST_F(Users, WhoAskForTheirNotificationsRegisterWithoutAUrl) {
  const auto ada = world.user(1, "ada");
  EXPECT_CALL(gateway, register_user(_, _))
      .WillOnce([&](const actors::Registration& registration, const std::string&) {
        EXPECT_EQ(registration.message_endpoint, "poll:laptop");
        return actors::RegisteredUser{ada, token_of(1)};
      });
  auto body = registration();
  body["message_endpoint"] = "poll:laptop";
  EXPECT_EQ(send_json(0, "POST", "/api/users/", body).status, 201);
  body["message_endpoint"] = "poll:my laptop";
  EXPECT_ANSWER(send_json(0, "POST", "/api/users/", body), 400,
                R"({"message_endpoint":["Enter a valid URL."]})");
  body["message_endpoint"] = "";
  EXPECT_ANSWER(send_json(0, "POST", "/api/users/", body), 400,
                R"({"message_endpoint":["This field may not be blank."]})");
}

class AccountChanges : public Users {
 protected:
  AccountChanges() {
    add_user(1, "ada");
    add_user(2, "carl");
    add_user(3, "root", true);
  }
  static constexpr auto path = "/api/users/00000000-0000-4000-8000-000000000001/";
  const domain::UserId ada = id_number<domain::UserId>(1);
};

TEST_F(AccountChanges, TakeWhatIsSentAndLeaveTheRest) {
  EXPECT_CALL(gateway, change_user(_, ada, _))
      .WillOnce([&](const actors::RequestContext& context, auto, const actors::UserChange& change) {
        EXPECT_EQ(context.caller.id, ada);
        EXPECT_THAT(context.idempotency_key, ::testing::EndsWith(" key"));
        EXPECT_EQ(change.first_name, "Augusta");
        EXPECT_EQ(change.last_name, std::nullopt);
        EXPECT_EQ(change.email, "");
        EXPECT_EQ(change.message_endpoint, "poll:");
        EXPECT_EQ(change.webhook_secret, " s ");
        return *world.views().user(ada);
      });
  const nlohmann::json body{
      {"first_name", " Augusta "}, {"email", ""}, {"message_endpoint", "poll:"}, {"x_webhook_secret", " s "}};
  EXPECT_ANSWER(send(1, "PATCH", path, {"application/json", body.dump(), {{"Idempotency-Key", "key"}}}), 200,
                ada_json + std::string{"}"});
}

TEST_F(AccountChanges, AreForSuperusersToo) {
  EXPECT_CALL(gateway, change_user(_, ada, _)).WillOnce([&](auto&&, auto, const actors::UserChange& change) {
    EXPECT_EQ(change.message_endpoint, "");
    return *world.views().user(ada);
  });
  EXPECT_EQ(send_json(3, "PATCH", path, {{"message_endpoint", ""}}).status, 200);
  EXPECT_ANSWER(send_json(3, "PATCH", "/api/users/nobody/", {{"email", ""}}), 400,
                R"({"detail":"User nobody not found."})");
}

TEST_F(AccountChanges, AreNotThereForStrangers) {
  EXPECT_CALL(gateway, change_user).Times(0);
  const auto answer = send_json(2, "PATCH", path, {{"email", ""}});
  EXPECT_ANSWER(answer, 405, R"({"detail":"Method \"PATCH\" not allowed."})");
  EXPECT_EQ(answer.headers.get("Allow"), "GET, HEAD, OPTIONS") << "as the contract has it";
  EXPECT_EQ(send_json(2, "PATCH", "/api/users/nobody/", {}).status, 405);
}

TEST_F(AccountChanges, RefuseWhatCannotBeChangedOrDoesNotExist) {
  EXPECT_CALL(gateway, change_user).Times(0);
  const std::pair<nlohmann::json, std::string> cases[] = {
      {{{"username", "eve"}, {"actor", true}},
       R"({"username":["This field cannot be changed."],"actor":["This field cannot be changed."]})"},
      {{{"shoe_size", 42}}, R"({"shoe_size":["Unknown field."]})"},
      {{{"x_active", false}}, R"({"x_active":["Unknown field."]})"},
      {{{"message_endpoint", "ftp://a"}}, R"({"message_endpoint":["Enter a valid URL."]})"},
      {{{"email", nullptr}}, R"({"email":["Field may not be null."]})"},
      {{{"x_webhook_secret", std::string(257, 'x')}},
       R"({"x_webhook_secret":["Ensure this field has no more than 256 characters."]})"},
  };
  for (const auto& [body, expected] : cases) EXPECT_ANSWER(send_json(1, "PATCH", path, body), 400, expected);
}

TEST_F(AccountChanges, PassOnWhatIsWrongWithTheEndpoint) {
  EXPECT_CALL(gateway, change_user)
      .WillOnce(
          Return(rejected(domain::Reason::invalid_field, "Enter a valid URL: no.", "message_endpoint")));
  EXPECT_ANSWER(send_json(1, "PATCH", path, {{"message_endpoint", "http://a:99999/"}}), 400,
                R"({"message_endpoint":["Enter a valid URL: no."]})");
}

TEST_F(AccountChanges, ShowThatNotificationsAreSigned) {
  world.sign_notifications(1);
  const auto body = nlohmann::json::parse(text_of(send(2, "GET", path)));
  EXPECT_EQ(body.at("x_webhook_secret_set"), true);
}

TEST_F(Users, ShowATokenOnlyToItsOwner) {
  add_user(1, "ada");
  add_user(2, "carl");
  const std::string ada = "/api/users/00000000-0000-4000-8000-000000000001/";
  EXPECT_ANSWER(send(1, "GET", ada), 200, ada_json + std::string{R"(,"token":")"} + token_of(1) + "\"}");
  EXPECT_ANSWER(send(2, "GET", ada), 200, ada_json + std::string{"}"});
  EXPECT_ANSWER(send(1, "GET", "/api/users/myself/"), 200, ada_json + std::string{"}"});
}

TEST_F(Users, AreNotFoundByUnknownIdsNorByOtherText) {
  add_user(1, "ada");
  EXPECT_ANSWER(send(1, "GET", "/api/users/00000000-0000-4000-8000-000000000000/"), 400,
                R"({"detail":"User 00000000-0000-4000-8000-000000000000 not found."})");
  EXPECT_ANSWER(send(1, "GET", "/api/users/nobody/"), 400, R"({"detail":"User nobody not found."})");
}

TEST_F(Users, AreListedInOrderOfRegistration) {
  add_user(2, "carl");
  add_user(1, "ada");
  const auto users = nlohmann::json::parse(text_of(send(1, "GET", "/api/users/")));
  ASSERT_EQ(users.size(), 2U);
  EXPECT_EQ(users[0]["username"], "carl");
  EXPECT_EQ(users[1]["username"], "ada");
}

TEST_F(Users, SeeTheirGroupsAndTrainings) {
  const auto ada = add_user(1, "ada");
  EXPECT_ANSWER(send(1, "GET", "/api/users/groups/"), 200, "[]");
  EXPECT_ANSWER(send(1, "GET", "/api/users/trainings/"), 200, "[]");
  world.group(3, "team", {ada.id});
  world.group(4, "others");
  EXPECT_ANSWER(send(1, "GET", "/api/users/groups/"), 200, R"([{"id":3,"name":"team"}])");
}

class SignIn : public ApiTest {
 protected:
  SignIn() { add_user(1, "ada"); }

  Response with(const std::string& authorization) {
    return send(0, "GET", "/api/users/groups/", {.headers = {{"Authorization", authorization}}});
  }
};

TEST_F(SignIn, NeedsCredentials) {
  for (const auto& answer : {send(0, "GET", "/api/users/"), with("Bearer " + token_of(1))}) {
    EXPECT_ANSWER(answer, 401, R"({"detail":"Authentication credentials were not provided."})");
    EXPECT_EQ(answer.headers.get("WWW-Authenticate"), "Token");
  }
}

TEST_F(SignIn, TakesATokenAlsoAsTheUserNameOfBasic) {
  EXPECT_EQ(with("Token " + token_of(1)).status, 200);
  EXPECT_EQ(with("token " + token_of(1)).status, 200);
  EXPECT_ANSWER(with("Token " + token_of(9)), 401, R"({"detail":"Invalid token."})");
  // base64 of forty digits, the last 1 or 9, and a colon
  const std::string zeros = "MDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw";
  EXPECT_EQ(with("Basic " + zeros + "MTo=").status, 200);
  EXPECT_ANSWER(with("Basic " + zeros + "OTo="), 401, R"({"detail":"Invalid token."})");
}

TEST_F(SignIn, TakesANameAndAPassword) {
  EXPECT_CALL(gateway, user_by_password(_))
      .WillOnce([&](const actors::PasswordSignIn& attempt) {
        EXPECT_EQ(attempt.username, "ada");
        EXPECT_EQ(attempt.password, "enchantress");
        EXPECT_EQ(attempt.address, "192.0.2.7");
        return *world.views().user(id_number<domain::UserId>(1));
      })
      .WillOnce(Return(rejected(domain::Reason::wrong_credentials, "Invalid username/password.")))
      .WillOnce(Return(std::unexpected(domain::throttled(std::chrono::seconds{17}))));
  const std::string ada_enchantress = "Basic YWRhOmVuY2hhbnRyZXNz";
  EXPECT_EQ(with(ada_enchantress).status, 200);
  const auto wrong = with(ada_enchantress);
  EXPECT_ANSWER(wrong, 401, R"({"detail":"Invalid username/password."})");
  EXPECT_EQ(wrong.headers.get("WWW-Authenticate"), "Token");
  const auto limited = with(ada_enchantress);
  EXPECT_ANSWER(limited, 429, R"({"detail":"Request was throttled. Expected available in 17 seconds."})");
  EXPECT_EQ(limited.headers.get("Retry-After"), "17");
}

TEST_F(SignIn, IsOverForWhoWasDeactivated) {
  world.deactivate(1);
  EXPECT_ANSWER(with("Token " + token_of(1)), 401, R"({"detail":"User inactive or deleted."})");
}

TEST_F(SignIn, SaysWhatIsWrongWithTheHeader) {
  EXPECT_ANSWER(with("Token"), 401, R"({"detail":"Invalid token header. No credentials provided."})");
  EXPECT_ANSWER(with("Basic !!!"), 401,
                R"({"detail":"Invalid basic header. Credentials not correctly base64 encoded."})");
}

TEST_F(SignIn, WithWrongCredentialsFailsEvenWhereNoneAreNeeded) {
  const auto answer =
      send(0, "POST", "/api/users/", {"application/json", "{}", {{"Authorization", "Token " + token_of(9)}}});
  EXPECT_EQ(answer.status, 401);
}

}  // namespace
}  // namespace fedlog::http
