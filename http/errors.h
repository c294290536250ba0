#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/body.h"
#include "http/message.h"

namespace fedlog::http {

// The bodies of answers, in the forms that the contract's clients know. Text that is not UTF-8 is mended,
// never refused.

[[nodiscard]] Response json_response(int status, const nlohmann::json& body);
[[nodiscard]] Response body_response(int status, const Body& body);
[[nodiscard]] Response no_content();

// {"detail": "..."}
[[nodiscard]] Response detail_response(int status, std::string_view detail);
// ["...", ...]
[[nodiscard]] Response list_response(int status, const std::vector<std::string>& messages);

// Messages per field, in the order in which the fields were checked: {"name": ["This field is required."]}
class FieldErrors {
 public:
  void add(std::string_view field, std::string message);
  [[nodiscard]] bool empty() const { return fields_.empty(); }
  [[nodiscard]] const std::vector<std::pair<std::string, std::vector<std::string>>>& fields() const {
    return fields_;
  }

 private:
  std::vector<std::pair<std::string, std::vector<std::string>>> fields_;
};
[[nodiscard]] Response field_errors_response(const FieldErrors& errors, int status = 400);
// {"non_field_errors": ["..."]}
[[nodiscard]] Response non_field_error_response(std::string message);

[[nodiscard]] Response not_found_response();
[[nodiscard]] Response method_not_allowed_response(std::string_view method);
// With WWW-Authenticate: Token, which the web front end needs.
[[nodiscard]] Response unauthorized_response(std::string_view detail);
[[nodiscard]] Response forbidden_response(std::string_view detail);
[[nodiscard]] Response unsupported_media_type_response(std::string_view media_type);
// {"error": "Server Error (500)"}: says nothing about the cause, which is in the log under the request's id.
[[nodiscard]] Response server_error_response();
[[nodiscard]] Response body_error_response(BodyError error);

// "OK", "Not Found", ...
[[nodiscard]] std::string_view reason_phrase(int status);

}  // namespace fedlog::http
