#include "tests/http/api_test.h"

namespace fedlog::http {
namespace {

using namespace testing;
using ::testing::_;
using ::testing::Return;

class Dummy : public ApiTest {
 protected:
  Dummy() { settings.server.development = true; }
};

TEST_F(Dummy, TellsAnyoneWhatWasMadeAndHowToLogIn) {
  EXPECT_CALL(gateway, make_dummy_data("request-1")).Times(2).WillRepeatedly([&](const std::string&) {
    return actors::DummyData{.training = id_number<domain::TrainingId>(9),
                             .user = {.user = add_user(1, "dummy-user"), .token = "0123"},
                             .password = "secret",
                             .participants = {id_number<domain::UserId>(2), id_number<domain::UserId>(3)}};
  });
  for (const auto* method : {"GET", "POST"}) {
    EXPECT_ANSWER(send(0, method, "/api/dummy/"), 200,
                  R"({"message":"Created Dummy Data in Metrics Database!",)"
                  R"("training_uuid":"00000000-0000-4000-8000-000000000009",)"
                  R"("user_uuid":"00000000-0000-4000-8000-000000000001",)"
                  R"("user_credentials":{"username":"dummy-user","password":"secret","token":"0123"},)"
                  R"("participants":["00000000-0000-4000-8000-000000000002",)"
                  R"("00000000-0000-4000-8000-000000000003"]})");
  }
}

TEST_F(Dummy, MakesNothingForWhoOnlyLooks) {
  EXPECT_CALL(gateway, make_dummy_data(_)).Times(0);
  EXPECT_EQ(send(0, "HEAD", "/api/dummy/").status, 200);
}

TEST_F(Dummy, SaysWhyNothingWasMade) {
  EXPECT_CALL(gateway, make_dummy_data(_))
      .WillOnce(Return(rejected(domain::Reason::busy, "No model worker is free: try again later")));
  EXPECT_ANSWER(send(0, "POST", "/api/dummy/"), 503,
                R"({"detail":"No model worker is free: try again later"})");
}

TEST_F(Dummy, IsUnknownOutsideOfDevelopmentMode) {
  settings.server.development = config::Settings{}.server.development;
  EXPECT_CALL(gateway, make_dummy_data(_)).Times(0);
  EXPECT_ANSWER(send(0, "GET", "/api/dummy/"), 404, R"({"detail":"Not found."})");
  EXPECT_ANSWER(send(0, "POST", "/api/dummy/"), 404, R"({"detail":"Not found."})");
}

}  // namespace
}  // namespace fedlog::http
