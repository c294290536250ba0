#include "tools/user_requests.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/system.h"
#include "storage/data_folder.h"
#include "tests/temporary_folder.h"
#include "tools/user_commands.h"

namespace fedlog::tools {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;
using ::testing::SizeIs;

using Lines = std::vector<nlohmann::ordered_json>;

class UserRequests : public ::testing::Test {
 protected:
  Lines lines_of(const json& request) {
    Lines lines;
    const auto outcome = answer_user_request(request, *users, [&](const auto& line) {
      lines.push_back(line);
      return true;
    });
    EXPECT_TRUE(outcome.has_value()) << outcome.error();
    return lines;
  }

  std::string error_of(const json& request) {
    const auto outcome = answer_user_request(request, *users, [](const auto&) { return true; });
    return outcome ? "" : outcome.error();
  }

  Lines add(const std::string& name, bool superuser = false) {
    return lines_of({{"command", "user-add"},
                     {"user", {{"username", name}, {"password", "secret"}, {"client", true}}},
                     {"superuser", superuser}});
  }

  TemporaryFolder folder;
  std::unique_ptr<storage::Storage> storage = storage::open_memory_storage(folder.path());
  std::unique_ptr<actors::UserAdministration> users =
      actors::administer_users(*storage, {.memory_kib = 8, .passes = 1});
};

TEST_F(UserRequests, AreToldFromOthers) {
  EXPECT_TRUE(is_user_request({{"command", "user-list"}}));
  EXPECT_FALSE(is_user_request({{"command", "log"}}));
  EXPECT_FALSE(is_user_request(json::object()));
}

TEST_F(UserRequests, AddUsersThatNeedNoMessageEndpoint) {
  const auto added = add("ada");
  ASSERT_THAT(added, SizeIs(1));
  EXPECT_THAT(added[0].at("token").get<std::string>(), MatchesRegex("[0-9a-f]{40}"));
  const auto user = users->views().user_by_name("ada");
  EXPECT_EQ(added[0].at("id"), user->id.text());
  EXPECT_TRUE(user->client);
  EXPECT_FALSE(user->superuser);
}

TEST_F(UserRequests, AddSuperusers) {
  add("root", true);
  EXPECT_TRUE(users->views().user_by_name("root")->superuser);
}

TEST_F(UserRequests, AddNobodyWhomTheApiWouldRefuse) {
  const json request = {{"command", "user-add"},
                        {"user", {{"username", std::string(151, 'x')}, {"message_endpoint", "ftp://a"}}}};
  EXPECT_EQ(
      error_of(request),
      "username: Ensure this field has no more than 150 characters.; password: This field is required.; "
      "message_endpoint: Enter a valid URL.");
  add("ada");
  EXPECT_EQ(error_of({{"command", "user-add"}, {"user", {{"username", "ada"}, {"password", "x"}}}}),
            "A user with that username already exists.");
  EXPECT_THAT(error_of({{"command", "user-add"}, {"user", {{"username", "a:b"}, {"password", "x"}}}}),
              HasSubstr("may not contain ':'"));
}

TEST_F(UserRequests, ListUsersInOrderOfRegistration) {
  EXPECT_THAT(lines_of({{"command", "user-list"}}), IsEmpty());
  add("root", true);
  add("ada");
  const auto lines = lines_of({{"command", "user-list"}});
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0].at("username"), "root");
  EXPECT_EQ(lines[0].at("superuser"), true);
  EXPECT_EQ(lines[1].at("username"), "ada");
  EXPECT_EQ(lines[1].at("active"), true);
}

TEST_F(UserRequests, ReplaceTokens) {
  const auto first = add("ada")[0].at("token");
  const auto second = lines_of({{"command", "user-token"}, {"username", "ada"}});
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_NE(second[0].at("token"), first);
}

TEST_F(UserRequests, ChangePasswords) {
  add("ada");
  EXPECT_THAT(lines_of({{"command", "user-passwd"}, {"username", "ada"}, {"password", "changed"}}),
              IsEmpty());
  EXPECT_EQ(error_of({{"command", "user-passwd"}, {"username", "ada"}}), "A password may not be empty.");
  EXPECT_EQ(error_of({{"command", "user-passwd"}, {"username", "ada"}, {"password", std::string(5000, 'x')}}),
            "The password is too long.");
}

TEST_F(UserRequests, LockUsersOutAndLetThemInAgain) {
  add("ada");
  lines_of({{"command", "user-deactivate"}, {"username", "ada"}});
  EXPECT_FALSE(users->views().user_by_name("ada")->active);
  EXPECT_EQ(lines_of({{"command", "user-list"}})[0].at("active"), false);
  lines_of({{"command", "user-activate"}, {"username", "ada"}});
  EXPECT_TRUE(users->views().user_by_name("ada")->active);
  add("root", true);
  EXPECT_EQ(error_of({{"command", "user-deactivate"}, {"username", "root"}}),
            "The last active superuser cannot be deactivated.");
}

TEST_F(UserRequests, NameWhatIsUnknown) {
  EXPECT_THAT(error_of({{"command", "user-token"}, {"username", "eve"}}),
              HasSubstr("There is no user \"eve\""));
  add("ada");
  EXPECT_THAT(error_of({{"command", "user-paint"}, {"username", "ada"}}), HasSubstr("\"user-paint\""));
}

TEST(Refusals, AreToldInOneLine) {
  EXPECT_EQ(words_of_refusal(R"({"detail":"Not found."})"), "Not found.");
  EXPECT_EQ(words_of_refusal(R"({"a":["One.","Two."],"b":["Three."]})"), "a: One. Two.; b: Three.");
  EXPECT_EQ(words_of_refusal(R"(["One."])"), "One.");
  EXPECT_EQ(words_of_refusal("<html>"), "<html>");
}

TEST(AUserInALine, ShowsRolesAndWhetherItIsLockedOut) {
  nlohmann::ordered_json user = {{"id", "7c1f"}, {"username", "ada"}, {"actor", true}, {"client", true}};
  EXPECT_EQ(readable_user(user), "7c1f  ada                       actor,client");
  user["active"] = false;
  EXPECT_EQ(readable_user(user), "7c1f  ada                       actor,client  deactivated");
  EXPECT_EQ(readable_user({{"id", "7c1f"}, {"username", "bob"}}), "7c1f  bob                       -");
}

TEST(AUserInALine, CannotWriteToTheTerminalByItsName) {
  EXPECT_EQ(readable_user({{"id", "7c1f"}, {"username", "a\x1b[2Jb"}}),
            "7c1f  \"a\\u001b[2Jb\"             -");
  EXPECT_EQ(readable_user({{"id", "7c1f"}, {"username", "two words"}}),
            "7c1f  \"two words\"               -");
}

}  // namespace
}  // namespace fedlog::tools
