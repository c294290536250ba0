#include "http/negotiation.h"

#include <gtest/gtest.h>

#include <string>

namespace fedlog::http {
namespace {

const std::vector<Renderer> yaml_and_json = {{"application/vnd.oai.openapi", "yaml"}, json_renderer()};

std::string chosen(const std::vector<Renderer>& renderers, std::string_view accept) {
  const auto renderer = negotiate(renderers, accept);
  return renderer ? renderer->format : "none";
}

TEST(Negotiation, AcceptsJsonHoweverItIsAskedFor) {
  for (const std::string accept :
       {"", "*/*", "application/json", "APPLICATION/JSON", "application/json; indent=4", "application/*",
        "text/csv;q=0.9, application/*;q=0.8", "text/html,application/xhtml+xml,*/*;q=0.8",
        " , application/json"}) {
    EXPECT_EQ(chosen({json_renderer()}, accept), "json") << accept;
  }
}

TEST(Negotiation, RefusesWhatItCannotWrite) {
  for (const std::string accept :
       {"application/xml", "text/*", "json", ";;;", "application/jsonx", "/", "*"}) {
    EXPECT_EQ(chosen({json_renderer()}, accept), "none") << accept;
  }
}

TEST(Negotiation, PrefersTheMoreSpecificRange) {
  EXPECT_EQ(chosen(yaml_and_json, "*/*"), "yaml");
  EXPECT_EQ(chosen(yaml_and_json, "*/*, application/json"), "json");
  EXPECT_EQ(chosen(yaml_and_json, "application/*;q=1, application/json;q=0.1"), "json");
}

TEST(Negotiation, FiltersByFormat) {
  EXPECT_EQ(renderers_of_format(yaml_and_json, "json").size(), 1U);
  EXPECT_TRUE(renderers_of_format(yaml_and_json, "xml").empty());
}

TEST(MediaType, ReadsParametersQuotedOrNot) {
  const auto type = parse_media_type(R"(Multipart/Form-Data ; Boundary="a;\"b" ; x=y;;z)");
  EXPECT_EQ(type.type, "multipart/form-data");
  EXPECT_EQ(type.parameter("boundary"), R"(a;"b)");
  EXPECT_EQ(type.parameter("x"), "y");
  EXPECT_EQ(type.parameter("z"), "");
  EXPECT_EQ(type.parameter("w"), std::nullopt);
}

TEST(MediaType, SurvivesNonsense) {
  for (const std::string value : {"", ";", "\"", "a/b;c=\"", "a/b;=;=", "\\", "a;b=\"\\"}) {
    EXPECT_NE(parse_media_type(value).type, "application/json") << value;
  }
}

}  // namespace
}  // namespace fedlog::http
