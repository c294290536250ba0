#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "tests/http/api_test.h"

namespace fedlog::http {
namespace {

using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;

class SchemaRoutes : public ApiTest {
 protected:
  SchemaRoutes() {
    std::string name = (std::filesystem::temp_directory_path() / "fedlog-api-pages-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
    settings.server.api_pages = folder_.string();
  }
  ~SchemaRoutes() override { std::filesystem::remove_all(folder_); }

  void add_file(const std::string& name, const std::string& content) const {
    std::ofstream{folder_ / name} << content;
  }
  void add_all_files() const {
    for (const char* name : {"swagger-ui.css", "swagger-ui-bundle.js", "redoc.standalone.js"})
      add_file(name, "x");
  }

  std::filesystem::path folder_;
};

TEST_F(SchemaRoutes, AnswerYamlUnlessAskedForJson) {
  const std::string file = "inline; filename=\"Federated Learning Demonstrator Server API.";
  const auto expect = [&](const Response& response, const std::string& type, const std::string& ending,
                          char first) {
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.headers.get("Content-Type"), type);
    EXPECT_EQ(response.headers.get("Content-Disposition"), file + ending + "\"");
    EXPECT_EQ(text_of(response).front(), first);
  };
  const auto yaml = "application/vnd.oai.openapi; charset=utf-8";
  expect(send(0, "GET", "/api/schema/"), yaml, "yaml", 'o');
  expect(send(0, "GET", "/api/schema/?format=yaml"), yaml, "yaml", 'o');
  expect(send(0, "GET", "/api/schema/?format=json"), "application/vnd.oai.openapi+json", "json", '{');
  const auto accepting = [&](const char* types) {
    return send(0, "GET", "/api/schema/", {.headers = {{"Accept", types}}});
  };
  expect(accepting("application/json"), "application/json", "json", '{');
  expect(accepting("application/yaml"), "application/yaml; charset=utf-8", "yaml", 'o');
  EXPECT_EQ(send(0, "GET", "/api/schema/").headers.get("Allow"), "GET, HEAD, OPTIONS");
}

TEST_F(SchemaRoutes, ShowAPageOfTheirOwnUntilTheOthersAreThere) {
  for (const char* path : {"/api/schema/swagger-ui/", "/api/schema/redoc/"}) {
    const auto response = send(0, "GET", path, {.headers = {{"Accept", "text/html"}}});
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.headers.get("Content-Type"), "text/html; charset=utf-8");
    EXPECT_EQ(response.headers.get("Allow"), "GET, HEAD, OPTIONS");
    EXPECT_THAT(text_of(response), HasSubstr("tools/fetch-api-pages DATA/api-pages"));
    EXPECT_THAT(text_of(response), Not(HasSubstr(folder_.string())))
        << "where the data lies is nobody's business";
    EXPECT_THAT(text_of(response), HasSubstr("POST /api/trainings/{training_id}/start/"));
    EXPECT_THAT(text_of(response), Not(HasSubstr("<script")));
  }
  add_all_files();
  EXPECT_THAT(text_of(send(0, "GET", "/api/schema/swagger-ui/")), HasSubstr("../files/swagger-ui-bundle.js"));
  EXPECT_THAT(text_of(send(0, "GET", "/api/schema/redoc/")), HasSubstr("../files/redoc.standalone.js"));
}

TEST_F(SchemaRoutes, LetTheirPagesLoadNothingFromAnywhereElse) {
  add_all_files();
  for (const char* path : {"/api/schema/swagger-ui/", "/api/schema/redoc/"}) {
    const auto response = send(0, "GET", path);
    const auto policy = std::string{response.headers.get("Content-Security-Policy")};
    EXPECT_THAT(policy, HasSubstr("default-src 'self';"));
    EXPECT_THAT(policy, Not(HasSubstr("script-src")));
    EXPECT_THAT(policy, Not(HasSubstr("http")));
    EXPECT_THAT(text_of(response), Not(HasSubstr("//")));        // no other host
    EXPECT_THAT(text_of(response), Not(HasSubstr("<script>")));  // nor any script in the page
  }
}

TEST_F(SchemaRoutes, ServeThePagesFilesAndNothingElse) {
  add_all_files();
  add_file("secret.txt", "secret");
  const std::string files = "/api/schema/files/";
  const auto bundle = send(0, "GET", files + "swagger-ui-bundle.js");
  EXPECT_EQ(bundle.status, 200);
  EXPECT_EQ(bundle.headers.get("Content-Type"), "text/javascript; charset=utf-8");
  EXPECT_EQ(std::get<FileBody>(bundle.body).path, folder_ / "swagger-ui-bundle.js");
  EXPECT_EQ(std::get<FileBody>(bundle.body).length_bytes, 1U);
  EXPECT_EQ(send(0, "GET", files + "plain.css").headers.get("Content-Type"), "text/css; charset=utf-8");
  for (const char* name :
       {"secret.txt", "..", ".", "../secret.txt", "%2e%2e", "swagger-ui.css/", "", "nothing.js"}) {
    EXPECT_EQ(send(0, "GET", files + name).status, 404) << name;
  }
  std::filesystem::remove(folder_ / "redoc.standalone.js");
  std::filesystem::create_directory(folder_ / "redoc.standalone.js");
  EXPECT_EQ(send(0, "GET", files + "redoc.standalone.js").status, 404);
}

TEST_F(SchemaRoutes, SendAFileOnlyToWhoHasItNotYet) {
  add_all_files();
  for (const char* name : {"swagger-ui.css", "start-redoc.js"}) {
    const auto path = std::string{"/api/schema/files/"} + name;
    const auto etag = std::string{send(0, "GET", path).headers.get("ETag")};
    EXPECT_NE(etag, "");
    EXPECT_EQ(send(0, "GET", path, {.headers = {{"If-None-Match", etag}}}).status, 304);
    EXPECT_EQ(send(0, "GET", path, {.headers = {{"If-None-Match", "\"other\""}}}).status, 200);
  }
}

}  // namespace
}  // namespace fedlog::http
