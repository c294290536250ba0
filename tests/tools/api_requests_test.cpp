#include "tools/api_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/system.h"
#include "http/application.h"
#include "http/server.h"
#include "storage/data_folder.h"
#include "tests/temporary_folder.h"

namespace fedlog::tools {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::SizeIs;
using ::testing::StartsWith;

using Lines = std::vector<nlohmann::ordered_json>;

// A whole server, asked through its API by "root", a superuser.
class ApiRequests : public ::testing::Test {
 protected:
  ApiRequests() {
    actors::Registration registration;
    registration.username = "root";
    registration.password = "rootpw";
    registration.superuser = true;
    EXPECT_TRUE(system->gateway().register_user(registration, "test").has_value());
  }

  static actors::SystemOptions system_options() {
    actors::SystemOptions options;
    options.passwords = {.memory_kib = 8, .passes = 1};
    options.notifications.concurrency = 1;
    options.worker_missing = "tests need none";
    return options;
  }
  static http::ServerOptions server_options() {
    http::ServerOptions options;
    options.port = 0;
    options.threads_max = 2;
    return options;
  }

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(server.port()); }

  std::expected<void, std::string> ask(const json& request, Lines* lines = nullptr,
                                       const ApiCredentials& credentials = {.username = "root",
                                                                            .secret = "rootpw"}) {
    return ask_api(url(), credentials, request, [&](const auto& line) {
      if (lines) lines->push_back(line);
      return true;
    });
  }
  Lines lines_of(const json& request) {
    Lines lines;
    const auto outcome = ask(request, &lines);
    EXPECT_TRUE(outcome.has_value()) << outcome.error();
    return lines;
  }
  Lines add(const std::string& name) {
    return lines_of(
        {{"command", "user-add"},
         {"user",
          {{"username", name}, {"password", "secret"}, {"message_endpoint", "http://127.0.0.1:9/"}}}});
  }
  actors::Result<domain::User> sign_in(const std::string& name, const std::string& password) {
    return system->gateway().user_by_password({.username = name, .password = password, .address = {}});
  }

  TemporaryFolder folder;
  std::unique_ptr<storage::Storage> storage = storage::open_memory_storage(folder.path());
  std::unique_ptr<actors::System> system = actors::start_system(*storage, system_options());
  http::Application application{system->gateway(), {}};
  http::Server server{
      server_options(),
      {.handle = [this](const http::Request& request, http::BodyReader& body, http::Response& response) {
        response = application.answer(request, body);
      }}};
};

TEST_F(ApiRequests, AddUsers) {
  const auto added = add("ada");
  ASSERT_THAT(added, SizeIs(1));
  EXPECT_THAT(added[0].at("token").get<std::string>(), MatchesRegex("[0-9a-f]{40}"));
  EXPECT_TRUE(sign_in("ada", "secret").has_value());
}

TEST_F(ApiRequests, AddNoSuperusers) {
  EXPECT_THAT(ask({{"command", "user-add"}, {"user", {{"username", "eve"}}}, {"superuser", true}}).error(),
              HasSubstr("--data"));
}

TEST_F(ApiRequests, SayWhatTheServerRefuses) {
  EXPECT_THAT(ask({{"command", "user-add"}, {"user", {{"username", "eve"}, {"password", "x"}}}}).error(),
              HasSubstr("(HTTP status 400): message_endpoint: This field is required."));
  EXPECT_THAT(ask({{"command", "user-list"}}, nullptr, {.username = "root", .secret = "guess"}).error(),
              HasSubstr("(HTTP status 401): Invalid username/password."));
}

TEST_F(ApiRequests, ListUsers) {
  add("ada");
  lines_of({{"command", "user-deactivate"}, {"username", "ada"}});
  const auto lines = lines_of({{"command", "user-list"}});
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0].at("active"), true);
  EXPECT_EQ(lines[1].at("username"), "ada");
  EXPECT_EQ(lines[1].at("active"), false);
}

TEST_F(ApiRequests, ChangeWhatUsersSignInWith) {
  const auto token = add("a b&c=d")[0].at("token");
  const auto another = lines_of({{"command", "user-token"}, {"username", "a b&c=d"}});
  ASSERT_THAT(another, SizeIs(1));
  EXPECT_NE(another[0].at("token"), token);
  lines_of({{"command", "user-passwd"}, {"username", "a b&c=d"}, {"password", "changed"}});
  EXPECT_TRUE(sign_in("a b&c=d", "changed").has_value());
}

TEST_F(ApiRequests, ChangeTheirOwnPasswordWithTheOldOne) {
  add("ada");
  const json request = {{"command", "user-passwd"}, {"username", "ada"}, {"password", "changed"}};
  ASSERT_TRUE(ask(request, nullptr, {.username = "ada", .secret = "secret"}).has_value());
  EXPECT_TRUE(sign_in("ada", "changed").has_value());
}

TEST_F(ApiRequests, LockUsersOutAndLetThemInAgain) {
  add("ada");
  lines_of({{"command", "user-deactivate"}, {"username", "ada"}});
  EXPECT_FALSE(sign_in("ada", "secret").has_value());
  lines_of({{"command", "user-activate"}, {"username", "ada"}});
  EXPECT_TRUE(sign_in("ada", "secret").has_value());
}

TEST_F(ApiRequests, NameAUserWhoIsUnknown) {
  EXPECT_THAT(ask({{"command", "user-token"}, {"username", "eve"}}).error(),
              StartsWith("There is no user \"eve\""));
}

TEST_F(ApiRequests, NeedAServer) {
  const auto error_at = [](const std::string& url) {
    return ask_api(url, {.username = "root", .secret = "rootpw"}, {{"command", "user-list"}},
                   [](const auto&) { return true; })
        .error();
  };
  EXPECT_THAT(error_at("127.0.0.1:8000"), HasSubstr("write http://HOST:PORT"));
  EXPECT_THAT(error_at("http://"), HasSubstr("write http://HOST:PORT"));
  server.stop();
  EXPECT_THAT(error_at(url()), HasSubstr("The server cannot be asked"));
}

TEST(Credentials, AreANameAndAPasswordOrAToken) {
  EXPECT_EQ(parse_credentials("ada:a:b")->username, "ada");
  EXPECT_EQ(parse_credentials("ada:a:b")->secret, "a:b");
  const std::string token(40, '7');
  EXPECT_EQ(parse_credentials(token)->username, "");
  EXPECT_EQ(parse_credentials(token)->secret, token);
  for (const auto* text : {"", "ada", ":x", "ada:", "77"}) EXPECT_FALSE(parse_credentials(text)) << text;
}

}  // namespace
}  // namespace fedlog::tools
