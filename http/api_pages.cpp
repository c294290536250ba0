#include "http/api_pages.h"

#include <algorithm>
#include <array>
#include <string>
#include <system_error>

#include "http/downloads.h"
#include "http/errors.h"

namespace fedlog::http {

namespace {

constexpr std::string_view css = "text/css; charset=utf-8";
constexpr std::string_view javascript = "text/javascript; charset=utf-8";

// Of others, in the folder.
struct FetchedFile {
  std::string_view name;
  std::string_view media_type;
};
constexpr std::array fetched{FetchedFile{"swagger-ui.css", css},
                             FetchedFile{"swagger-ui-bundle.js", javascript},
                             FetchedFile{"redoc.standalone.js", javascript}};

// Of ours: scripts stand in no page, so that the pages can forbid scripts that do.
struct OwnFile {
  std::string_view name;
  std::string_view media_type;
  std::string_view content;
};
constexpr std::array own{
    OwnFile{"start-swagger-ui.js", javascript, R"(window.addEventListener("load", () => {
  SwaggerUIBundle({
    url: "../?format=json",
    dom_id: "#page",
    deepLinking: true,
    validatorUrl: null,
  });
});
)"},
    OwnFile{"start-redoc.js", javascript, R"(window.addEventListener("load", () => {
  Redoc.init("../?format=json", { disableSearch: true }, document.getElementById("page"));
});
)"},
    OwnFile{"plain.css", css,
            R"(body { font: 16px/1.5 sans-serif; margin: 0 auto; max-width: 60rem; padding: 1rem; }
h2 { border-bottom: 1px solid #bbb; margin-top: 3rem; }
h3 { margin-top: 2rem; }
code, pre { background: #f3f3f3; font-family: monospace; }
pre { overflow: auto; padding: .5rem; white-space: pre-wrap; }
table { border-collapse: collapse; }
td, th { border: 1px solid #bbb; padding: .2rem .5rem; text-align: left; vertical-align: top; }
)"},
};

Response text_response(const Request& request, std::string_view media_type, const std::string& etag) {
  Response response;
  response.headers.add("ETag", etag);
  response.headers.add("Cache-Control", "no-cache");
  response.headers.add("Content-Type", std::string{media_type});
  if (client_has(request, etag)) response.status = 304;
  return response;
}

std::string page(std::string_view title, std::string_view style, std::string_view scripts) {
  return "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>" +
         std::string{title} + "</title>\n" + std::string{style} +
         "</head>\n<body>\n<div id=\"page\"></div>\n<noscript>This page needs scripts; <a href=\"../\">the "
         "description itself</a> does not.</noscript>\n" +
         std::string{scripts} + "</body>\n</html>\n";
}

}  // namespace

bool ApiPages::has_swagger_ui() const {
  std::error_code ignored;
  return std::filesystem::is_regular_file(folder_ / "swagger-ui.css", ignored) &&
         std::filesystem::is_regular_file(folder_ / "swagger-ui-bundle.js", ignored);
}

bool ApiPages::has_redoc() const {
  std::error_code ignored;
  return std::filesystem::is_regular_file(folder_ / "redoc.standalone.js", ignored);
}

Response ApiPages::file(const Request& request, std::string_view name) const {
  if (const auto found = std::ranges::find(own, name, &OwnFile::name); found != own.end()) {
    auto etag = "\"" + std::to_string(std::hash<std::string_view>{}(found->content)) + "\"";
    auto response = text_response(request, found->media_type, etag);
    if (response.status == 200) response.body = std::string{found->content};
    return response;
  }
  const auto found = std::ranges::find(fetched, name, &FetchedFile::name);
  if (found == fetched.end()) return not_found_response();
  const auto path = folder_ / found->name;
  std::error_code error;
  const bool is_file = std::filesystem::is_regular_file(path, error);
  const auto size_bytes = is_file ? std::filesystem::file_size(path, error) : 0;
  const auto written = is_file ? std::filesystem::last_write_time(path, error).time_since_epoch().count() : 0;
  if (!is_file || error) return not_found_response();
  auto etag = "\"" + std::to_string(size_bytes) + "-" + std::to_string(written) + "\"";
  auto response = text_response(request, found->media_type, etag);
  if (response.status == 200)
    response.body = FileBody{.path = path, .offset_bytes = 0, .length_bytes = size_bytes};
  return response;
}

Response swagger_ui_page() {
  return html_response(page("API: Swagger UI", "<link rel=\"stylesheet\" href=\"../files/swagger-ui.css\">\n",
                            "<script src=\"../files/swagger-ui-bundle.js\"></script>\n"
                            "<script src=\"../files/start-swagger-ui.js\"></script>\n"));
}

Response redoc_page() {
  return html_response(page("API: ReDoc", "",
                            "<script src=\"../files/redoc.standalone.js\"></script>\n"
                            "<script src=\"../files/start-redoc.js\"></script>\n"));
}

Response html_response(std::string body) {
  Response response;
  response.headers.add("Content-Type", "text/html; charset=utf-8");
  // Both pages write style attributes, and draw pictures that stand in their scripts.
  response.headers.add(
      "Content-Security-Policy",
      "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src "
      "'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'");
  response.body = std::move(body);
  return response;
}

}  // namespace fedlog::http
