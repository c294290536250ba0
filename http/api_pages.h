#pragma once

#include <filesystem>
#include <string_view>

#include "http/message.h"

namespace fedlog::http {

// Swagger UI and ReDoc: pages of other people that show the API description. Their files lie in a folder that
// tools/fetch-api-pages fills; nothing else in it is ever served, and no page asks any other host for
// anything. Any thread.
class ApiPages {
 public:
  // The folder need not exist: then the server shows a page of its own.
  explicit ApiPages(std::filesystem::path folder) : folder_(std::move(folder)) {}

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] bool has_swagger_ui() const;
  [[nodiscard]] bool has_redoc() const;

  // A page's files by their names, with ETag; 404 for all others.
  [[nodiscard]] Response file(const Request& request, std::string_view name) const;

 private:
  std::filesystem::path folder_;
};

// The two pages, for a server that has their files.
[[nodiscard]] Response swagger_ui_page();
[[nodiscard]] Response redoc_page();

// HTML that may load what this server serves, and nothing from anywhere else.
[[nodiscard]] Response html_response(std::string body);

}  // namespace fedlog::http
