#include "http/rejections.h"

#include <gtest/gtest.h>

#include <string>

namespace fedlog::http {
namespace {

using enum domain::Reason;

TEST(Rejections, EachHaveTheirStatusAndShape) {
  struct Case {
    domain::Reason reason;
    int status;
    std::string body;
  };
  const std::string detail = R"({"detail":"Why."})";
  const std::string list = R"(["Why."])";
  const std::string field = R"({"name":["Why."]})";
  const Case cases[] = {
      {user_not_found, 400, detail},
      {group_not_found, 400, detail},
      {model_not_found, 400, detail},
      {training_not_found, 400, detail},
      {participants_not_found, 400, detail},
      {no_training_for_model, 404, detail},
      {name_taken, 400, field},
      {wrong_credentials, 401, detail},
      {throttled, 429, detail},
      {permission_denied, 403, detail},
      {invalid_field, 400, field},
      {invalid_request, 400, detail},
      {already_started, 400, detail},
      {wrong_state, 400, list},
      {wrong_round, 400, list},
      {invalid_file, 400, list},
      {no_file, 400, detail},
      {invalid_members, 400, list},
      {no_participants, 400, detail},
      {invalid_input, 400, list},
      {busy, 503, detail},
      {storage_full, 507, detail},
      {unsupported, 400, detail},
      {internal, 500, R"_({"error":"Server Error (500)"})_"},
  };
  for (const auto& [reason, status, body] : cases) {
    const auto answer = rejection_response({.reason = reason, .message = "Why.", .field = "name"});
    EXPECT_EQ(answer.status, status);
    EXPECT_EQ(std::get<std::string>(answer.body), body);
    EXPECT_EQ(answer.headers.contains("Retry-After"), reason == busy || reason == throttled);
    EXPECT_EQ(answer.headers.get("WWW-Authenticate"), reason == wrong_credentials ? "Token" : "");
  }
}

TEST(Rejections, SayWhenToComeAgainIfThatIsKnown) {
  const auto answer =
      rejection_response({.reason = throttled, .message = "Why.", .field = {}, .retry_after_s = 17});
  EXPECT_EQ(answer.headers.get("Retry-After"), "17");
}

TEST(Rejections, GiveTheirHintAHeaderAndAFieldWhereThereIsRoom) {
  const auto with_hint = [](domain::Reason reason) {
    return rejection_response(
        {.reason = reason, .message = "Why.", .field = "name", .retry_after_s = 0, .hint = "Try that."});
  };
  const auto detail = with_hint(permission_denied);
  EXPECT_EQ(std::get<std::string>(detail.body), R"({"detail":"Why.","x_hint":"Try that."})");
  EXPECT_EQ(detail.headers.get("X-Fedlog-Hint"), "Try that.");
  const auto list = with_hint(wrong_round);
  EXPECT_EQ(std::get<std::string>(list.body), R"(["Why."])") << "clients compare it";
  EXPECT_EQ(list.headers.get("X-Fedlog-Hint"), "Try that.");
  EXPECT_EQ(std::get<std::string>(with_hint(invalid_field).body), R"({"name":["Why."]})");
  EXPECT_FALSE(
      rejection_response({.reason = wrong_round, .message = "Why."}).headers.contains("X-Fedlog-Hint"));
}

TEST(Rejections, LetNoHintBreakOutOfItsHeader) {
  const auto answer = rejection_response({.reason = wrong_state,
                                          .message = "Why.",
                                          .field = {},
                                          .retry_after_s = 0,
                                          .hint = "a\r\nSet-Cookie: b\x7f\xc3\xa4" + std::string(5000, 'x')});
  const auto hint = answer.headers.get("X-Fedlog-Hint");
  EXPECT_TRUE(hint.starts_with("a??Set-Cookie: b???x")) << hint;
  EXPECT_EQ(hint.size(), 1000U);
}

TEST(Rejections, OfTheServersOwnTellItsLogAlone) {
  const auto answer = rejection_response({.reason = internal, .message = "A file is missing."});
  EXPECT_EQ(answer.status, 500);
  EXPECT_EQ(answer.failure, "A file is missing.");
  EXPECT_FALSE(std::get<std::string>(answer.body).contains("missing"));
  EXPECT_EQ(rejection_response({.reason = wrong_round, .message = "Why."}).failure, "");
}

TEST(Rejections, OfNoFieldInParticularSaySo) {
  const auto answer = rejection_response({.reason = invalid_field, .message = "Why."});
  EXPECT_EQ(std::get<std::string>(answer.body), R"({"non_field_errors":["Why."]})");
}

}  // namespace
}  // namespace fedlog::http
