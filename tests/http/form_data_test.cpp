#include "http/form_data.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/http/message_builders.h"

namespace fedlog::http {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::make_request;
using ::testing::Pair;
using testing::StringBody;

std::expected<FormData, Response> read(const std::string& content_type, std::string content,
                                       FormLimits limits = {}, const OpenSink& open_sink = {}) {
  const auto request = make_request("POST", "/", {{"Content-Type", content_type}});
  StringBody body{std::move(content), 100};
  return read_form_data(request, body, limits, open_sink);
}

std::string body_of(const Response& response) {
  return std::get<std::string>(response.body);
}

std::string part(const std::string& disposition, const std::string& data) {
  return "--B\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + data + "\r\n";
}

TEST(FormData, ReadsJsonAndBothKindsOfForms) {
  EXPECT_EQ(read("application/json; charset=utf-8", R"({"a": "1"})")->document, nlohmann::json({{"a", "1"}}));
  EXPECT_THAT(read("application/x-www-form-urlencoded", "a=0&a=1")->fields,
              ElementsAre(Pair("a", "0"), Pair("a", "1")));
  EXPECT_THAT(read("multipart/form-data; boundary=B; charset=utf-8", part("name=a", "1") + "--B--")->fields,
              ElementsAre(Pair("a", "1")));
}

TEST(FormData, KeepsRepeatedFieldsInOrder) {
  const auto form =
      read("multipart/form-data; boundary=B", part("name=n", "x") + part("name=n", " y") + "--B--");
  ASSERT_TRUE(form);
  EXPECT_THAT(form->all("n"), ElementsAre("x", " y"));
  EXPECT_EQ(*form->field("n"), " y");
  EXPECT_EQ(form->field("m"), nullptr);
}

TEST(FormData, TakesAnEmptyBodyForAnEmptyFormWhateverItsType) {
  for (const auto* type : {"application/json", "text/plain"}) {
    const auto form = read(type, "");
    ASSERT_TRUE(form) << type;
    EXPECT_FALSE(form->document.has_value());
    EXPECT_THAT(form->fields, IsEmpty());
  }
}

TEST(FormData, RefusesOtherMediaTypesAndNamesThem) {
  const auto form = read("text/plain", "x");
  ASSERT_FALSE(form);
  EXPECT_EQ(form.error().status, 415);
  EXPECT_EQ(body_of(form.error()), R"({"detail":"Unsupported media type \"text/plain\" in request."})");
}

TEST(FormData, SaysWhatIsWrongWithABody) {
  EXPECT_EQ(
      body_of(read("application/json", "{not json").error()),
      R"j({"detail":"JSON parse error - Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"})j");
  EXPECT_EQ(read("multipart/form-data", "x").error().status, 400);
  EXPECT_EQ(read("multipart/form-data; boundary=B", "x").error().status, 400);
}

TEST(FormData, StreamsFilesIntoTheirSinks) {
  const std::string content(1000, 'w');
  auto form = read("multipart/form-data; boundary=B",
                   part("name=round", "1") + part("name=model_file; filename=m.pt", content) +
                       part("name=other; filename=o", "dropped") + "--B--",
                   {}, [](const PartHead& head) -> std::expected<std::unique_ptr<FileSink>, Response> {
                     if (head.name == "other") return nullptr;
                     return std::make_unique<MemorySink>(1000);
                   });
  ASSERT_TRUE(form);
  EXPECT_EQ(*form->field("round"), "1");
  EXPECT_EQ(static_cast<MemorySink&>(*form->file("model_file")->sink).content(), content);
  EXPECT_EQ(form->file("other")->sink, nullptr);
  EXPECT_EQ(form->file("other")->size_bytes, 7U);
  EXPECT_EQ(form->file("third"), nullptr);
}

TEST(FormData, AnswersWithWhatASinkRefuses) {
  const auto too_small = [](const PartHead&) { return std::make_unique<MemorySink>(10); };
  EXPECT_EQ(read("multipart/form-data; boundary=B", part("name=f; filename=f", "eleven byte") + "--B--", {},
                 too_small)
                .error()
                .status,
            413);
}

TEST(FormData, HoldsItsLimits) {
  EXPECT_EQ(read("application/json", "[1,2,3,4]", {.json_bytes_max = 8}).error().status, 413);
  EXPECT_EQ(read("application/json", "[[1]]", {.json = {.depth_max = 1}}).error().status, 400);
  EXPECT_EQ(read("application/json", "[1,2]", {.json = {.values_max = 2}}).error().status, 400);
  EXPECT_EQ(read("application/x-www-form-urlencoded", "a=123456", {.fields_bytes_max = 7}).error().status,
            413);
  EXPECT_EQ(read("application/x-www-form-urlencoded", "a&b&c", {.fields_max = 2}).error().status, 400);
  const auto body = part("name=a", std::string(90, 'x')) + part("name=b", std::string(90, 'x')) + "--B--";
  EXPECT_TRUE(read("multipart/form-data; boundary=B", body, {.fields_bytes_max = 182}));
  EXPECT_EQ(read("multipart/form-data; boundary=B", body, {.fields_bytes_max = 181}).error().status, 413);
  EXPECT_EQ(read("multipart/form-data; boundary=B", body, {.fields_max = 1}).error().status, 400);
}

TEST(FormData, ReadsAChunkedBodyOfUnknownSize) {
  const auto request = make_request("POST", "/", {{"Content-Type", "application/json"}});
  StringBody empty{"", 10, true};
  const auto form = read_form_data(request, empty);
  ASSERT_TRUE(form);
  EXPECT_EQ(form->document.value_or(nlohmann::json::object()), nlohmann::json::object());
  EXPECT_THAT(form->fields, IsEmpty());
  StringBody large{std::string(100, ' '), 10, true};
  EXPECT_EQ(read_form_data(request, large, {.json_bytes_max = 99}).error().status, 413);
}

}  // namespace
}  // namespace fedlog::http
