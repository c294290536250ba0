#include "http/rejections.h"

#include <string>

#include "http/errors.h"

namespace fedlog::http {

namespace {

// What a client that was told to come back later should wait, where nothing better is known.
constexpr std::int64_t retry_after_s = 5;

enum class Shape { detail, list, field, server_error };

struct StatusAndShape {
  int status;
  Shape shape;
};

StatusAndShape answer_to(domain::Reason reason) {
  using enum domain::Reason;
  switch (reason) {
    case user_not_found:
    case group_not_found:
    case model_not_found:
    case training_not_found:
    case participants_not_found:
    case invalid_request:
    case already_started:
    case no_participants:
    case no_file:
    case unsupported:
      return {400, Shape::detail};
    case wrong_credentials:
      return {401, Shape::detail};
    case throttled:
      return {429, Shape::detail};
    case no_training_for_model:
      return {404, Shape::detail};
    case permission_denied:
      return {403, Shape::detail};
    case name_taken:
    case invalid_field:
      return {400, Shape::field};
    case wrong_state:
    case wrong_round:
    case invalid_file:
    case invalid_members:
    case invalid_input:
      return {400, Shape::list};
    case busy:
      return {503, Shape::detail};
    case storage_full:
      return {507, Shape::detail};
    case internal:
      return {500, Shape::server_error};
  }
  return {500, Shape::server_error};
}

// What a header can hold: a hint may tell of what others sent.
std::string header_text(std::string text) {
  constexpr std::size_t bytes_max = 1000;
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < ' ' || byte > '~') c = '?';
  }
  if (text.size() > bytes_max) text.resize(bytes_max);
  return text;
}

Response with_detail(int status, const domain::Rejection& rejection) {
  if (rejection.hint.empty()) return detail_response(status, rejection.message);
  Body body = Body::object();
  body["detail"] = rejection.message;
  body["x_hint"] = rejection.hint;
  return body_response(status, body);
}

Response shaped(const StatusAndShape& answer, const domain::Rejection& rejection) {
  switch (answer.shape) {
    case Shape::detail:
      return with_detail(answer.status, rejection);
    case Shape::list:
      return list_response(answer.status, {rejection.message});
    case Shape::field: {
      FieldErrors errors;
      errors.add(rejection.field.empty() ? "non_field_errors" : rejection.field, rejection.message);
      return field_errors_response(errors, answer.status);
    }
    case Shape::server_error:
      break;
  }
  auto response = server_error_response();
  response.failure = rejection.message;
  return response;
}

}  // namespace

Response rejection_response(const domain::Rejection& rejection) {
  if (rejection.reason == domain::Reason::wrong_credentials) return unauthorized_response(rejection.message);
  auto response = shaped(answer_to(rejection.reason), rejection);
  if (!rejection.hint.empty()) response.headers.set("X-Fedlog-Hint", header_text(rejection.hint));
  if (rejection.reason == domain::Reason::busy || rejection.reason == domain::Reason::throttled) {
    const auto wait_s = rejection.retry_after_s > 0 ? rejection.retry_after_s : retry_after_s;
    response.headers.set("Retry-After", std::to_string(wait_s));
  }
  return response;
}

}  // namespace fedlog::http
