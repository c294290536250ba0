#include "http/request_fields.h"
#include "tests/http/api_test.h"

namespace fedlog::http {
namespace {

using namespace testing;
using ::testing::_;
using ::testing::Return;

constexpr auto path = "/api/inference/";
constexpr auto model = "00000000-0000-4000-8000-00000000000a";
constexpr auto no_input = R"(["No uploaded file 'model_input' found."])";

class Inference : public ApiTest {
 protected:
  Inference() { add_user(1, "owner"); }

  void expect_input(const std::variant<nlohmann::json, std::string>& input, bool binary) {
    EXPECT_CALL(gateway, infer(_, _))
        .WillOnce([=](const actors::RequestContext& context, const actors::InferenceRequest& request) {
          EXPECT_EQ(context.caller.id, id_number<domain::UserId>(1));
          EXPECT_EQ(request.model, id_number<domain::ModelId>(10));
          EXPECT_EQ(request.input, input);
          EXPECT_EQ(request.binary_reply, binary);
          return R"({"inference":[0],"uncertainty":{}})";
        })
        .RetiresOnSaturation();
  }
};

TEST_F(Inference, AnswersJsonWithJson) {
  const auto rows = nlohmann::json::parse("[[1.0,2.0],[3.0,4.0]]");
  expect_input(rows, false);
  const auto answer = send_json(1, "POST", path, {{"model_id", model}, {"model_input", rows}});
  EXPECT_ANSWER(answer, 200, R"({"inference":[0],"uncertainty":{}})");
  EXPECT_EQ(answer.headers.get("Content-Type"), "application/json");
  expect_input(nlohmann::json("UEsDB"), true);
  EXPECT_EQ(
      send_json(1, "POST", path, {{"model_id", model}, {"model_input", "UEsDB"}, {"return_format", "binary"}})
          .headers.get("Content-Type"),
      "application/octet-stream");
}

TEST_F(Inference, AnswersAFileWithAPickleUnlessAskedForJson) {
  expect_input(std::string{"tensor"}, true);
  const auto answer =
      send_parts(1, "POST", path, {{"model_id", model}, {"model_input", "tensor", "input.pt"}});
  EXPECT_EQ(answer.headers.get("Content-Type"), "application/octet-stream");
  expect_input(std::string{"tensor"}, false);
  EXPECT_EQ(
      send_parts(1, "POST", path,
                 {{"model_input", "tensor", "input.pt"}, {"model_id", model}, {"return_format", "json"}})
          .headers.get("Content-Type"),
      "application/json");
}

TEST_F(Inference, ReadsAFieldAsListsOrAsText) {
  expect_input(nlohmann::json::parse("[[1,2]]"), true);
  EXPECT_EQ(send_parts(1, "POST", path, {{"model_id", model}, {"model_input", " [[1, 2]]"}}).status, 200);
  expect_input(nlohmann::json("UEsDB"), true);
  EXPECT_EQ(send_parts(1, "POST", path, {{"model_id", model}, {"model_input", "UEsDB"}}).status, 200);
  const std::string deep(100, '[');
  expect_input(nlohmann::json(deep), true);
  EXPECT_EQ(send_parts(1, "POST", path, {{"model_id", model}, {"model_input", deep}}).status, 200);
}

TEST(TakeField, CopiesNoneOfAnInputsNumbers) {
  FormData form;
  form.document = nlohmann::json{{"model_input", {1, 2, 3}}};
  const auto* first = &form.document->at("model_input").front();
  const auto taken = take_field(form, "model_input");
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(&taken->front(), first);
  EXPECT_FALSE(take_field(form, "model_id").has_value());
  form.document = nlohmann::json::array();
  EXPECT_FALSE(take_field(form, "model_input").has_value());
  form.document.reset();
  form.fields = {{"model_input", "text"}};
  EXPECT_EQ(take_field(form, "model_input"), "text");
}

TEST_F(Inference, PassesTheSeedOn) {
  const auto rows = nlohmann::json::parse("[[1.0]]");
  std::vector<std::optional<std::uint64_t>> seeds;
  EXPECT_CALL(gateway, infer(_, _))
      .WillRepeatedly([&](const actors::RequestContext&, const actors::InferenceRequest& request) {
        seeds.push_back(request.seed);
        return "{}";
      });
  const nlohmann::json body{{"model_id", model}, {"model_input", rows}};
  auto seeded = body;
  seeded["seed"] = UINT64_MAX;
  EXPECT_EQ(send_json(1, "POST", path, seeded).status, 200);
  EXPECT_EQ(send_json(1, "POST", path, body).status, 200);
  EXPECT_EQ(
      send_parts(1, "POST", path, {{"model_id", model}, {"model_input", "x", "i.pt"}, {"seed", "7"}}).status,
      200);
  EXPECT_EQ(seeds, (std::vector<std::optional<std::uint64_t>>{UINT64_MAX, std::nullopt, 7}));
  for (const auto& wrong : {nlohmann::json(-1), nlohmann::json(1.5), nlohmann::json("seven"),
                            nlohmann::json(true), nlohmann::json({1}), nlohmann::json("")}) {
    seeded["seed"] = wrong;
    EXPECT_ANSWER(send_json(1, "POST", path, seeded), 400,
                  R"(["'seed' must be a whole number from 0 to 2^64 - 1."])");
  }
}

TEST_F(Inference, SaysWhatIsMissing) {
  const auto rows = nlohmann::json::parse("[[1.0]]");
  EXPECT_ANSWER(send_json(1, "POST", path, {{"model_input", rows}}), 400,
                R"(["No 'model_id' provided in request."])");
  EXPECT_ANSWER(send_json(1, "POST", path, {{"model_id", "abc"}, {"model_input", rows}}), 400,
                R"({"detail":"Model abc not found."})");
  EXPECT_ANSWER(send_json(1, "POST", path, {{"model_id", model}}), 400, no_input);
  for (const auto& nothing : {nlohmann::json::array(), nlohmann::json(""), nlohmann::json()}) {
    EXPECT_ANSWER(send_json(1, "POST", path, {{"model_id", model}, {"model_input", nothing}}), 400, no_input);
  }
  EXPECT_ANSWER(send_parts(1, "POST", path, {{"model_id", model}, {"something", "x", "x"}}), 400, no_input);
  EXPECT_ANSWER(
      send_json(1, "POST", path, {{"model_id", model}, {"model_input", rows}, {"return_format", "xml"}}), 400,
      R"(["Unknown return format 'xml'. Supported are binary and json."])");
  EXPECT_EQ(send(1, "POST", path, {"application/json", "{"}).status, 400);
  EXPECT_EQ(send_json(0, "POST", path, {{"model_id", model}, {"model_input", rows}}).status, 401);
}

TEST_F(Inference, TakesNoOtherMediaType) {
  EXPECT_ANSWER(send_form(1, "POST", path, "model_id=x"), 415,
                R"({"detail":"Unsupported media type \"Only Content-Type 'application/json' and )"
                R"('multipart/form-data' is supported.\" in request."})");
}

TEST_F(Inference, PassesRefusalsOn) {
  const nlohmann::json body{{"model_id", model}, {"model_input", {{1.0}}}};
  EXPECT_CALL(gateway, infer(_, _))
      .WillOnce(Return(rejected(domain::Reason::invalid_input, "Input shape does not match.")))
      .WillOnce(Return(rejected(domain::Reason::busy, "Too much to do.")));
  EXPECT_ANSWER(send_json(1, "POST", path, body), 400, R"(["Input shape does not match."])");
  EXPECT_EQ(send_json(1, "POST", path, body).headers.get("Retry-After"), "5");
}

TEST_F(Inference, TakesMoreThanOtherCalls) {
  settings.limits.json_bytes_max = 1024;
  settings.limits.json_values_max = 100;
  settings.limits.inference_bytes_max = 10'000;
  settings.limits.inference_values_max = 1000;
  EXPECT_CALL(gateway, infer(_, _)).Times(2).WillRepeatedly(Return("{}"));
  const auto numbers = [](std::size_t count) {
    return nlohmann::json{{"model_id", model}, {"model_input", std::vector<int>(count)}};
  };
  EXPECT_EQ(send_json(1, "POST", path, numbers(990)).status, 200);
  EXPECT_ANSWER(send_json(1, "POST", path, numbers(1000)), 400,
                R"({"detail":"JSON parse error - more than 1000 values"})");
  EXPECT_ANSWER(send_json(1, "POST", path, numbers(6000)), 413,
                R"({"detail":"A JSON body may have at most 10000 bytes on this server (its setting )"
                R"(limits.inference_bytes_max)."})");
  const auto as_field = [](std::size_t count) { return nlohmann::json(std::vector<int>(count)).dump(); };
  EXPECT_EQ(send_parts(1, "POST", path, {{"model_id", model}, {"model_input", as_field(990)}}).status, 200);
}

TEST_F(Inference, RefusesAFileThatIsTooLarge) {
  settings.limits.inference_bytes_max = 10;
  EXPECT_EQ(send_parts(1, "POST", path, {{"model_id", model}, {"model_input", std::string(11, 'x'), "i.pt"}})
                .status,
            413);
}

}  // namespace
}  // namespace fedlog::http
