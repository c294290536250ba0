#include "http/router.h"

#include <gtest/gtest.h>

#include <stdexcept>

#include "http/errors.h"
#include "tests/http/message_builders.h"

namespace fedlog::http {
namespace {

using testing::make_request;
using testing::StringBody;

// Knows who says "good", refuses who says "bad", and else nobody.
class FakeAuthenticator final : public Authenticator {
 public:
  std::expected<std::optional<domain::User>, Response> authenticate(const Request& request) override {
    const auto credentials = request.headers.get("Authorization");
    if (credentials == "bad") return std::unexpected{unauthorized_response("Invalid token.")};
    if (credentials != "good") return std::nullopt;
    domain::User user;
    user.username = {"ada"};
    return user;
  }
};

class RouterTest : public ::testing::Test {
 protected:
  static Handler says(std::string name) {
    return [name](Call& call) {
      auto body = nlohmann::json{{"handler", name}, {"parameters", call.parameters}};
      if (call.caller) body["caller"] = call.caller->username.text;
      return json_response(200, body);
    };
  }

  static std::vector<Route> routes() {
    return {
        {.pattern = "/api/users/{user_id}/",
         .view_name = "User",
         .description = "One user.",
         .methods = {{"GET", says("user")}}},
        {.pattern = "/api/users/",
         .view_name = "User",
         .description = "Users.",
         .methods = {{"POST", says("register"), Access::anyone}, {"GET", says("users")}}},
        {.pattern = "/api/users/myself/",
         .view_name = "User",
         .description = "",
         .methods = {{"GET", says("myself")}}},
        {.pattern = "/api/groups/{group_id:int}/",
         .view_name = "Group",
         .description = "",
         .methods = {{"DELETE", says("x")},
                     {"PATCH", says("x")},
                     {"PUT", says("x")},
                     {"GET", [](Call& call) { return json_response(200, call.number("group_id")); }}}},
        {.pattern = "/api/schema/",
         .view_name = "Schema",
         .description = "",
         .methods = {{"GET", [](Call& call) { return detail_response(200, call.renderer.format); },
                      Access::anyone}},
         .access = Access::anyone,
         .renderers = {{"application/vnd.oai.openapi", "yaml"}, json_renderer()}},
    };
  }

  Response call(std::string method, std::string path, std::vector<NameValue> headers = {}) {
    StringBody body{""};
    return router_.answer(make_request(std::move(method), std::move(path), std::move(headers)), body);
  }
  Response call_as_ada(std::string method, std::string path, std::vector<NameValue> headers = {}) {
    headers.emplace_back("Authorization", "good");
    return call(std::move(method), std::move(path), std::move(headers));
  }
  static nlohmann::json json_of(const Response& response) {
    return nlohmann::json::parse(std::get<std::string>(response.body));
  }
  static std::string detail_of(const Response& response) { return json_of(response)["detail"]; }

  FakeAuthenticator authenticator_;
  Router router_{routes(), authenticator_};
};

TEST_F(RouterTest, CallsTheHandlerWithCallerAndParameters) {
  EXPECT_EQ(json_of(call_as_ada("GET", "/api/users/42/")),
            nlohmann::json({{"handler", "user"}, {"caller", "ada"}, {"parameters", {{"user_id", "42"}}}}));
}

TEST_F(RouterTest, PrefersLiteralSegmentsWhateverTheOrderOfTheTable) {
  EXPECT_EQ(json_of(call_as_ada("GET", "/api/users/myself/"))["handler"], "myself");
}

TEST_F(RouterTest, AnswersUnknownPathsWithoutCredentials) {
  for (const std::string path :
       {"/", "/api/nothing/", "/api/nothing", "/api//users/", "/api/users//", "/api/users/a/b/",
        "/api/groups/abc/", "/api/groups/-1/", "/api/groups/99999999999999999999/", "*"}) {
    const auto response = call("GET", path);
    EXPECT_EQ(response.status, 404) << path;
    EXPECT_EQ(detail_of(response), "Not found.") << path;
  }
}

TEST_F(RouterTest, ReadsNumbers) {
  EXPECT_EQ(json_of(call_as_ada("GET", "/api/groups/17/")), 17);
}

TEST_F(RouterTest, RedirectsToTheSlashAndKeepsTheQuery) {
  const auto get = call("GET", "/api/users/myself?format=json");
  EXPECT_EQ(get.status, 301);
  EXPECT_EQ(get.headers.get("Location"), "/api/users/myself/?format=json");
  const auto post = call("POST", "/api/users");
  EXPECT_EQ(post.status, 308);
  EXPECT_EQ(post.headers.get("Location"), "/api/users/");
}

TEST_F(RouterTest, ChecksNegotiationThenCredentialsThenMethod) {
  const auto unacceptable =
      call("PUT", "/api/users/", {{"Accept", "application/xml"}, {"Authorization", "bad"}});
  EXPECT_EQ(unacceptable.status, 406);
  EXPECT_EQ(detail_of(unacceptable), "Could not satisfy the request Accept header.");
  EXPECT_EQ(call("GET", "/api/users/?format=xml", {{"Authorization", "bad"}}).status, 404);
  const auto unknown = call("PUT", "/api/users/", {{"Authorization", "bad"}});
  EXPECT_EQ(unknown.status, 401);
  EXPECT_EQ(detail_of(unknown), "Invalid token.");
  const auto nobody = call("PUT", "/api/users/");
  EXPECT_EQ(nobody.status, 401);
  EXPECT_EQ(detail_of(nobody), "Authentication credentials were not provided.");
  EXPECT_EQ(nobody.headers.get("WWW-Authenticate"), "Token");
  EXPECT_EQ(nobody.headers.get("Allow"), "GET, POST, HEAD, OPTIONS");
  const auto wrong = call_as_ada("PATCH", "/api/users/");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(detail_of(wrong), "Method \"PATCH\" not allowed.");
  EXPECT_EQ(call_as_ada("BREW", "/api/users/").status, 405);
}

TEST_F(RouterTest, LetsAnyoneInWhereTheMethodSaysSoButChecksCredentialsThatAreGiven) {
  EXPECT_EQ(json_of(call("POST", "/api/users/"))["handler"], "register");
  EXPECT_EQ(call("POST", "/api/users/", {{"Authorization", "bad"}}).status, 401);
  EXPECT_EQ(call("GET", "/api/users/").status, 401);
  EXPECT_EQ(call("OPTIONS", "/api/users/").status, 401);
  EXPECT_EQ(call("OPTIONS", "/api/schema/").status, 200);
}

TEST_F(RouterTest, ListsMethodsInTheFrameworksOrder) {
  EXPECT_EQ(call_as_ada("GET", "/api/groups/1/").headers.get("Allow"),
            "GET, PUT, PATCH, DELETE, HEAD, OPTIONS");
}

TEST_F(RouterTest, AnswersOptionsWithMetadata) {
  const auto response = call_as_ada("OPTIONS", "/api/users/7/");
  EXPECT_EQ(
      json_of(response),
      nlohmann::json(
          {{"name", "User"},
           {"description", "One user."},
           {"renders", {"application/json"}},
           {"parses", {"application/json", "application/x-www-form-urlencoded", "multipart/form-data"}}}));
}

TEST_F(RouterTest, NegotiatesPerRoute) {
  EXPECT_EQ(detail_of(call("GET", "/api/schema/")), "yaml");
  EXPECT_EQ(detail_of(call("GET", "/api/schema/?format=json")), "json");
  EXPECT_EQ(detail_of(call("GET", "/api/schema/", {{"Accept", "application/json"}})), "json");
}

TEST_F(RouterTest, AnswersPreflightsWithoutCredentials) {
  const auto response =
      call("OPTIONS", "/api/users/",
           {{"Origin", "http://elsewhere.example"}, {"Access-Control-Request-Method", "PUT"}});
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers.get("Access-Control-Allow-Origin"), "*");
  EXPECT_EQ(response.headers.get("Access-Control-Allow-Methods"), "DELETE, GET, OPTIONS, PATCH, POST, PUT");
  EXPECT_EQ(response.headers.get("Access-Control-Allow-Headers"),
            "accept, authorization, content-type, user-agent, x-csrftoken, x-requested-with");
  EXPECT_EQ(response.headers.get("Access-Control-Max-Age"), "86400");
}

TEST_F(RouterTest, LetsScriptsOfOtherOriginsReadWhatAnErrorAdvises) {
  const auto response = call("GET", "/api/users/", {{"Origin", "http://elsewhere.example"}});
  EXPECT_THAT(response.headers.get("Access-Control-Expose-Headers"), ::testing::HasSubstr("X-Fedlog-Hint"));
}

TEST_F(RouterTest, AllowsOnlyTheConfiguredOrigins) {
  const Router router{routes(), authenticator_, {.allowed_origins = {"https://a.example"}}};
  StringBody body{""};
  const auto origin_for = [&](std::string origin) {
    const auto response =
        router.answer(make_request("GET", "/api/users/", {{"Origin", std::move(origin)}}), body);
    return std::string{response.headers.get("Access-Control-Allow-Origin")};
  };
  EXPECT_EQ(origin_for("https://a.example"), "https://a.example");
  EXPECT_EQ(origin_for("https://b.example"), "");
  EXPECT_FALSE(call("GET", "/api/users/").headers.contains("Access-Control-Expose-Headers"));
  EXPECT_FALSE(call("GET", "/api/users/").headers.contains("Access-Control-Allow-Origin"));
}

TEST_F(RouterTest, AddsTheFixedHeadersToEveryAnswer) {
  for (const std::string path : {"/api/users/1/", "/api/nothing/", "/api/users/1"}) {
    const auto response = call_as_ada("GET", path);
    EXPECT_EQ(response.headers.get("Vary"), "Accept, Origin");
    EXPECT_EQ(response.headers.get("X-Content-Type-Options"), "nosniff");
    EXPECT_EQ(response.headers.get("X-Frame-Options"), "DENY");
    EXPECT_EQ(response.headers.get("Referrer-Policy"), "same-origin");
    EXPECT_EQ(response.headers.get("Cache-Control"), "no-store");
  }
}

TEST_F(RouterTest, RefusesTablesThatMakeNoSense) {
  const auto build = [&](std::vector<Route> table) { Router router{std::move(table), authenticator_}; };
  const Method get{"GET", says("x")};
  EXPECT_THROW(build({{.pattern = "/a/", .view_name = "", .description = "", .methods = {get}},
                      {.pattern = "/a/", .view_name = "", .description = "", .methods = {get}}}),
               std::invalid_argument);
  for (const std::string pattern : {"", "a/", "/{/", "/{}/", "/{a:hex}/", "/x{a}/"}) {
    EXPECT_THROW(build({{.pattern = pattern, .view_name = "", .description = "", .methods = {get}}}),
                 std::invalid_argument)
        << pattern;
  }
  EXPECT_THROW(
      build({{.pattern = "/a/", .view_name = "", .description = "", .methods = {{"HEAD", says("x")}}}}),
      std::invalid_argument);
  EXPECT_THROW(build({{.pattern = "/a/", .view_name = "", .description = "", .methods = {{"GET", nullptr}}}}),
               std::invalid_argument);
}

TEST_F(RouterTest, ThrowsForAParameterThatTheRouteLacks) {
  const auto request = make_request("GET", "/");
  StringBody body{""};
  const Call call{request, body, std::nullopt, {}, json_renderer()};
  EXPECT_THROW(static_cast<void>(call.parameter("id")), std::logic_error);
}

}  // namespace
}  // namespace fedlog::http
