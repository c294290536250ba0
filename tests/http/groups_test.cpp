#include "tests/http/api_test.h"

namespace fedlog::http {
namespace {

using namespace testing;
using ::testing::_;
using ::testing::ElementsAre;
using ::testing::Return;

class Groups : public ApiTest {
 protected:
  Groups() {
    const auto ann = add_user(1, "ann");
    add_user(2, "zoe");
    add_user(3, "root", true);
    world.group(7, "team", {ann.id});
  }
};

TEST_F(Groups, AreCreatedByAnyone) {
  EXPECT_CALL(gateway, create_group(_, "new")).WillOnce([](const auto& context, const auto&) {
    EXPECT_EQ(context.caller.id, id_number<domain::UserId>(2));
    EXPECT_EQ(context.correlation, "request-1");
    return domain::Group{.id = {8}, .name = "new", .members = {}};
  });
  EXPECT_ANSWER(send_json(2, "POST", "/api/groups/", {{"name", " new "}}), 201, R"({"id":8,"name":"new"})");
}

TEST_F(Groups, MayBeNamedByANumber) {
  EXPECT_CALL(gateway, create_group(_, "42"))
      .WillOnce(Return(domain::Group{.id = {8}, .name = "42", .members = {}}));
  EXPECT_EQ(send_json(2, "POST", "/api/groups/", {{"name", 42}}).status, 201);
}

TEST_F(Groups, AreToldWhatIsWrongWithTheirName) {
  const std::pair<nlohmann::json, std::string> cases[] = {
      {nlohmann::json::object(), "This field is required."},
      {{{"name", "  "}}, "This field may not be blank."},
      {{{"name", nullptr}}, "This field may not be null."},
      {{{"name", {"a"}}}, "Not a valid string."},
      {{{"name", true}}, "Not a valid string."},
      {{{"name", std::string(151, 'x')}}, "Ensure this field has no more than 150 characters."},
      {{{"name", std::string("a\0b", 3)}}, "Null characters are not allowed."},
  };
  for (const auto& [body, message] : cases) {
    EXPECT_ANSWER(send_json(1, "POST", "/api/groups/", body), 400, R"({"name":[")" + message + "\"]}");
  }
  EXPECT_ANSWER(send_json(1, "POST", "/api/groups/", {"x"}), 400,
                R"({"non_field_errors":["Invalid data. Expected a dictionary, but got list."]})");
  EXPECT_CALL(gateway, create_group(_, "team"))
      .WillOnce(Return(rejected(domain::Reason::name_taken, "group with this name already exists.", "name")));
  EXPECT_ANSWER(send_form(1, "POST", "/api/groups/", "name=team"), 400,
                R"({"name":["group with this name already exists."]})");
}

TEST_F(Groups, AreListedForSuperusersOnly) {
  EXPECT_ANSWER(send(1, "GET", "/api/groups/"), 403,
                R"({"detail":"You are not allowed to access all groups."})");
  EXPECT_ANSWER(send(3, "GET", "/api/groups/"), 200, R"([{"id":7,"name":"team"}])");
}

TEST_F(Groups, AreShownToMembersOnly) {
  EXPECT_ANSWER(send(1, "GET", "/api/groups/7/"), 200, R"({"id":7,"name":"team"})");
  for (const int user : {2, 3}) {
    EXPECT_ANSWER(send(static_cast<std::uint8_t>(user), "GET", "/api/groups/7/"), 403,
                  R"({"detail":"You are not allowed to access this group."})");
  }
  EXPECT_ANSWER(send(1, "GET", "/api/groups/999999999/"), 400, R"({"detail":"Group 999999999 not found."})");
  EXPECT_ANSWER(send(1, "GET", "/api/groups/abc/"), 404, R"({"detail":"Not found."})");
}

TEST_F(Groups, AreRenamedByMembers) {
  EXPECT_ANSWER(send_json(2, "PUT", "/api/groups/7/", {{"name", "mine"}}), 403,
                R"({"detail":"You are not allowed to access this group."})");
  EXPECT_ANSWER(send_json(1, "PUT", "/api/groups/7/", nlohmann::json::object()), 400,
                R"({"name":["This field is required."]})");
  EXPECT_CALL(gateway, rename_group(_, domain::GroupId{7}, "crew"))
      .Times(2)
      .WillRepeatedly(Return(domain::Group{.id = {7}, .name = "crew", .members = {}}));
  for (const char* method : {"PUT", "PATCH"}) {
    EXPECT_ANSWER(send_json(1, method, "/api/groups/7/", {{"name", "crew"}}), 200,
                  R"({"id":7,"name":"crew"})");
  }
}

TEST_F(Groups, StayAsTheyAreWhenAPatchNamesNothing) {
  EXPECT_CALL(gateway, rename_group(_, _, _)).Times(0);
  EXPECT_ANSWER(send_json(1, "PATCH", "/api/groups/7/", {{"id", 5}}), 200, R"({"id":7,"name":"team"})");
}

TEST_F(Groups, AreDeletedWithoutABody) {
  EXPECT_CALL(gateway, delete_group(_, domain::GroupId{7})).WillOnce(Return(actors::Result<void>{}));
  EXPECT_ANSWER(send(1, "DELETE", "/api/groups/7/"), 204, "");
}

TEST_F(Groups, ChangeTheirMembers) {
  const auto zoe = id_number<domain::UserId>(2);
  EXPECT_CALL(gateway, add_members(_, domain::GroupId{7}, ElementsAre(zoe)))
      .WillOnce(Return(actors::Result<void>{}));
  EXPECT_ANSWER(send_json(3, "POST", "/api/groups/7/members/", {{"users", {zoe.text()}}}), 200,
                R"({"detail":"Users added to the group."})");
  EXPECT_CALL(gateway, remove_members(_, domain::GroupId{7}, ElementsAre(zoe)))
      .WillOnce(Return(rejected(domain::Reason::permission_denied, "No.")));
  EXPECT_ANSWER(send_json(2, "DELETE", "/api/groups/7/members/", {{"users", {zoe.text()}}}), 403,
                R"({"detail":"No."})");
  EXPECT_ANSWER(send_json(3, "POST", "/api/groups/7/members/", {{"users", {zoe.text(), "x"}}}), 400,
                R"({"users":{"1":["Must be a valid UUID."]}})");
  EXPECT_ANSWER(send_json(3, "POST", "/api/groups/7/members/", {{"users", "x"}}), 400,
                R"({"users":["Expected a list of items but got type \"str\"."]})");
  EXPECT_ANSWER(send_json(3, "POST", "/api/groups/8/members/", {{"users", {zoe.text()}}}), 400,
                R"({"detail":"Group 8 not found."})");
}

}  // namespace
}  // namespace fedlog::http
