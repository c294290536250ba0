#include "http/schema_routes.h"

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "http/api_pages.h"
#include "http/openapi.h"
#include "http/openapi_page.h"
#include "http/schema.h"
#include "http/yaml.h"

namespace fedlog::http {

namespace {

// The description in the forms in which it is answered, written when it is first asked for. Any thread.
class Description {
 public:
  struct Texts {
    std::string json;
    std::string yaml;
    std::string page;
  };

  // After the table is complete and before the first request.
  void describe(std::vector<Route> routes, std::string how_to_get_pages) {
    routes_ = std::move(routes);
    how_to_get_pages_ = std::move(how_to_get_pages);
    // A handler may hold this description.
    for (auto& route : routes_) {
      for (auto& method : route.methods) method.handler = nullptr;
    }
  }

  [[nodiscard]] const Texts& texts() {
    std::call_once(once_, [this] {
      const auto document = openapi_document(routes_);
      texts_ = {document.dump(), to_yaml(document), openapi_page(document, how_to_get_pages_)};
    });
    return texts_;
  }

 private:
  std::vector<Route> routes_;
  std::string how_to_get_pages_;
  std::once_flag once_;
  Texts texts_;
};

constexpr auto yaml_type = "application/vnd.oai.openapi";
constexpr auto json_type = "application/vnd.oai.openapi+json";

std::vector<Renderer> renderers() {
  return {{yaml_type, "yaml"}, {"application/yaml", "yaml"}, {json_type, "json"}, json_renderer()};
}

Response description_response(Description& description, const Renderer& renderer) {
  const bool json = renderer.format == "json";
  Response response;
  response.headers.add("Content-Type", renderer.media_type + (json ? "" : "; charset=utf-8"));
  response.headers.add(
      "Content-Disposition",
      "inline; filename=\"Federated Learning Demonstrator Server API." + renderer.format + "\"");
  response.body = json ? description.texts().json : description.texts().yaml;
  return response;
}

// Strangers may read it, so it does not say where on the machine the data lies.
std::string how_to_get_pages(const ApiPages& pages) {
  if (pages.folder().empty()) return "This server shows its description by itself.";
  return "Swagger UI and ReDoc are not on this server. ./quickstart --with-api-pages gets them, or, into the "
         "folder that server.api_pages names (without it, into the data folder DATA of a server that runs): "
         "tools/fetch-api-pages DATA/api-pages";
}

Success html_answer(std::string meaning) {
  return {.meaning = std::move(meaning),
          .schema = schema::text(),
          .example = "<!DOCTYPE html>...",
          .media_type = "text/html"};
}

Method get(Handler handler, Operation operation) {
  return {.name = "GET",
          .handler = std::move(handler),
          .access = Access::anyone,
          .operation = std::move(operation)};
}

Operation schema_operation() {
  auto document = schema::object({{"openapi", schema::with_example(schema::text(), "3.0.3")}},
                                 "An OpenAPI 3.0 document.");
  document["additionalProperties"] = true;
  Operation operation{.summary = "This description",
                      .description = "YAML, or JSON where `?format=json` or the Accept header ask for it.",
                      .query = {{.name = "format",
                                 .type = FieldType::choice,
                                 .fallback = "yaml",
                                 .choices = {"yaml", "json"},
                                 .description = "The form of the answer.",
                                 .example = "json"}}};
  for (const auto& renderer : renderers()) {
    operation.answers.push_back(
        {.meaning = "The document.", .schema = document, .media_type = renderer.media_type});
  }
  return operation;
}

}  // namespace

void add_schema_routes(std::vector<Route>& routes, std::filesystem::path pages_folder) {
  const auto description = std::make_shared<Description>();
  const auto pages = std::make_shared<const ApiPages>(std::move(pages_folder));
  routes.push_back(
      {.pattern = "/api/schema/",
       .view_name = "Schema",
       .description = "The description of this API.",
       .methods = {get(
           [description](Call& call) { return description_response(*description, call.renderer); },
           schema_operation())},
       .access = Access::anyone,
       .renderers = renderers()});
  const auto page_route = [&](std::string pattern, const std::string& name,
                              bool (ApiPages::*is_there)() const, Response (*page)()) {
    routes.push_back(
        {.pattern = std::move(pattern),
         .view_name = "Schema",
         .description = "The description of this API as a page: " + name + ".",
         .methods = {get(
             [=](Call&) {
               return ((*pages).*is_there)() ? page() : html_response(description->texts().page);
             },
             {.summary = name,
              .description = "Where its files are not on the server, a page of the server's own.",
              .answers = {html_answer("The page.")}})},
         .access = Access::anyone,
         .renderers = {}});
  };
  page_route("/api/schema/swagger-ui/", "Swagger UI", &ApiPages::has_swagger_ui, swagger_ui_page);
  page_route("/api/schema/redoc/", "ReDoc", &ApiPages::has_redoc, redoc_page);
  routes.push_back(
      {.pattern = "/api/schema/files/{file}",
       .view_name = "Schema",
       .description = "Scripts and styles of the two pages.",
       .methods = {get(
           [pages](Call& call) { return pages->file(call.request, call.parameter("file")); },
           {.summary = "A file of the pages",
            .answers = {{.meaning = "The file.", .schema = schema::bytes(), .media_type = "text/javascript"},
                        {.meaning = "The file.", .schema = schema::bytes(), .media_type = "text/css"},
                        {.status = 304, .meaning = "The client has it already (If-None-Match)."}},
            .failures = {detail_failure(404, "There is no such file.", "Not found.")}})},
       .access = Access::anyone,
       .renderers = {},
       .parameters = {{"file", "The file's name.", schema::text(), "plain.css"}}});

  description->describe(routes, how_to_get_pages(*pages));
}

}  // namespace fedlog::http
