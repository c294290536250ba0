#include "http/operation.h"

#include <utility>

namespace fedlog::http {

Failure detail_failure(int status, std::string when, std::string detail) {
  Body body = Body::object();
  body["detail"] = std::move(detail);
  return {status, std::move(when), std::move(body)};
}

Failure list_failure(int status, std::string when, std::string message) {
  return {status, std::move(when), Body::array({std::move(message)})};
}

Failure field_failure(int status, std::string when, std::string field, std::string message) {
  Body body = Body::object();
  body[std::move(field)] = Body::array({std::move(message)});
  return {status, std::move(when), std::move(body)};
}

Failure unknown_id(std::string_view entity) {
  const std::string name{entity};
  return detail_failure(400, "The id in the path is unknown or is no id.",
                        name + " 7c1f8a52-95a4-4a6e-9d4d-1f0c2f6a7b11 not found.");
}

Failure not_permitted(std::string when) {
  return detail_failure(403, std::move(when), "You do not have permission to perform this action.");
}

}  // namespace fedlog::http
