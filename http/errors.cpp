#include "http/errors.h"

namespace fedlog::http {

namespace {

Response json_text_response(int status, std::string body) {
  Response response;
  response.status = status;
  response.headers.add("Content-Type", "application/json");
  response.body = std::move(body);
  return response;
}

}  // namespace

Response json_response(int status, const nlohmann::json& body) {
  return json_text_response(status, body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

Response body_response(int status, const Body& body) {
  return json_text_response(status, body.dump(-1, ' ', false, Body::error_handler_t::replace));
}

Response no_content() {
  Response response;
  response.status = 204;
  return response;
}

Response detail_response(int status, std::string_view detail) {
  return json_response(status, {{"detail", detail}});
}

Response list_response(int status, const std::vector<std::string>& messages) {
  return json_response(status, nlohmann::json(messages));
}

void FieldErrors::add(std::string_view field, std::string message) {
  for (auto& [name, messages] : fields_) {
    if (name == field) return messages.push_back(std::move(message));
  }
  fields_.emplace_back(std::string{field}, std::vector{std::move(message)});
}

Response field_errors_response(const FieldErrors& errors, int status) {
  Body body = Body::object();
  for (const auto& [name, messages] : errors.fields()) body[name] = messages;
  return body_response(status, body);
}

Response non_field_error_response(std::string message) {
  FieldErrors errors;
  errors.add("non_field_errors", std::move(message));
  return field_errors_response(errors);
}

Response not_found_response() {
  return detail_response(404, "Not found.");
}

Response method_not_allowed_response(std::string_view method) {
  return detail_response(405, "Method \"" + std::string{method} + "\" not allowed.");
}

Response unauthorized_response(std::string_view detail) {
  auto response = detail_response(401, detail);
  response.headers.add("WWW-Authenticate", "Token");
  return response;
}

Response forbidden_response(std::string_view detail) {
  return detail_response(403, detail);
}

Response unsupported_media_type_response(std::string_view media_type) {
  return detail_response(415, "Unsupported media type \"" + std::string{media_type} + "\" in request.");
}

Response server_error_response() {
  return json_response(500, {{"error", "Server Error (500)"}});
}

Response body_error_response(BodyError error) {
  switch (error) {
    case BodyError::too_large:
      return detail_response(413, "The request body is larger than this server accepts here.");
    case BodyError::malformed:
      return detail_response(400, "The request body's framing is broken.");
    case BodyError::timed_out:
      return detail_response(408, "The request body came too slowly.");
    case BodyError::disconnected:
      return detail_response(400, "The connection ended before the request body did.");
  }
  return server_error_response();
}

std::string_view reason_phrase(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 304:
      return "Not Modified";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Unknown";
  }
}

}  // namespace fedlog::http
