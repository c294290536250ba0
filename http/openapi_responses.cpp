#include "http/openapi_responses.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "http/errors.h"
#include "http/openapi_fields.h"
#include "http/schema.h"

namespace fedlog::http {

namespace {

struct Shared {
  int status;
  std::string_view name;
  std::string_view meaning;
  Body example;
  std::string_view header = {};
  std::string_view header_meaning = {};
};

Body detail_body(std::string_view text) {
  Body body = Body::object();
  body["detail"] = text;
  return body;
}

const std::vector<Shared>& shared() {
  static const std::vector<Shared> all{
      {401, "Unauthorized", "The credentials are missing, malformed or wrong.",
       detail_body("Authentication credentials were not provided."), "WWW-Authenticate", "Token"},
      {404, "NotFound", "There is no such path, or `?format=` asks for a form that the answer cannot take.",
       detail_body("Not found.")},
      {406, "NotAcceptable", "The Accept header allows no form that the answer can take.",
       detail_body("Could not satisfy the request Accept header.")},
      {408, "RequestTimeout", "The body came too slowly.", detail_body("The request body came too slowly.")},
      {413, "PayloadTooLarge", "The body is larger than this server accepts here; the text tells the limit.",
       detail_body("A JSON body may have at most 1048576 bytes on this server (its setting "
                   "limits.json_bytes_max).")},
      {415, "UnsupportedMediaType", "The body's Content-Type is none that this call reads.",
       detail_body("Unsupported media type \"text/plain\" in request.")},
      {429, "TooManyRequests", "Too many requests.",
       detail_body("Request was throttled. Expected available in 5 seconds."), "Retry-After",
       "Seconds to wait."},
      {500, "ServerError", "A failure of the server, logged there under the X-Request-ID of the answer.",
       nullptr},
      {503, "Unavailable", "The server has too much to do, or cannot write; nothing was changed.",
       detail_body("The server has too much to do at the moment. Try again."), "Retry-After",
       "Seconds to wait."},
      {507, "InsufficientStorage", "The disk is full; nothing was changed.",
       detail_body("The disk is full.")},
  };
  return all;
}

// The schema that a failure's body has.
std::string_view shape_of(const Body& body) {
  if (body.is_array()) return "Messages";
  return body.contains("detail") && body["detail"].is_string() ? "Detail" : "FieldErrors";
}

Body headers_of(const std::vector<NameValue>& headers) {
  Body result = Body::object();
  for (const auto& [name, meaning] : headers) {
    result[name] = Body{{"description", meaning}, {"schema", schema::text()}};
  }
  return result;
}

Body response_of(const Success& answer, const Body& schemas) {
  Body response = Body::object();
  response["description"] = answer.meaning;
  response["headers"] = headers_of(answer.headers);
  response["headers"]["X-Request-ID"] = Body{{"$ref", "#/components/headers/X-Request-ID"}};
  if (answer.schema.is_null()) return response;
  auto& content = response["content"][answer.media_type];
  content["schema"] = answer.schema;
  if (answer.schema.value("format", "") == "binary") return response;
  content["example"] = answer.example.is_null() ? example_of(answer.schema, schemas) : answer.example;
  return response;
}

Body response_of(const std::vector<Failure>& failures) {
  Body response = Body::object();
  std::string when;
  std::set<std::string_view> shapes;
  Body examples = Body::object();
  for (const auto& failure : failures) {
    when += (failures.size() == 1 ? "" : when.empty() ? "- " : "\n- ") + failure.when;
    shapes.insert(shape_of(failure.body));
    examples["case_" + std::to_string(examples.size() + 1)] =
        Body{{"summary", failure.when}, {"value", failure.body}};
  }
  response["description"] = when;
  auto& content = response["content"]["application/json"];
  if (shapes.size() == 1) {
    content["schema"] = schema::ref(*shapes.begin());
  } else {
    for (const auto shape : shapes) content["schema"]["anyOf"].push_back(schema::ref(shape));
  }
  content["examples"] = std::move(examples);
  return response;
}

// What can go wrong with any call of this kind in a way of its own.
std::vector<Failure> failures_of(const Method& method) {
  auto failures = method.operation.failures;
  const auto& operation = method.operation;
  if (!operation.fields.empty()) {
    std::ranges::move(missing_field_failure(operation), std::back_inserter(failures));
    failures.push_back(detail_failure(400, "The body cannot be read.",
                                      "JSON parse error - Expecting value: line 1 column 1 (char 0)"));
  }
  if (reads_idempotency_key(method)) {
    failures.push_back(detail_failure(400, "The header Idempotency-Key is malformed.",
                                      "The header Idempotency-Key must be 1 to 128 characters of A-Z, a-z, "
                                      "0-9, '.', '_' and '-'."));
  }
  return failures;
}

bool applies(const Shared& response, const Route& route, const Method& method) {
  const bool writes = method.name != "GET";
  switch (response.status) {
    case 406:
      return !route.renderers.empty();
    case 408:
    case 413:
    case 415:
      return !method.operation.fields.empty();
    case 507:
      return writes && method.operation.idempotency_key;
    default:
      return true;
  }
}

}  // namespace

Body example_of(const Body& schema, const Body& schemas) {
  if (schema.contains("example")) return schema["example"];
  if (schema.contains("$ref")) {
    const auto& path = schema["$ref"].get_ref<const std::string&>();
    return example_of(schemas.at(path.substr(path.rfind('/') + 1)), schemas);
  }
  if (schema.contains("anyOf")) return example_of(schema["anyOf"][0], schemas);
  if (schema.contains("allOf")) {
    Body merged = Body::object();
    for (const auto& part : schema["allOf"]) merged.update(example_of(part, schemas));
    return merged;
  }
  if (schema.contains("enum")) return schema["enum"][0];
  if (schema.contains("items")) return Body::array({example_of(schema["items"], schemas)});
  if (schema.contains("properties")) {
    const auto required = schema.value("required", Body::array());
    Body object = Body::object();
    for (const auto& [name, property] : schema["properties"].items()) {
      if (std::ranges::find(required, Body(name)) != required.end())
        object[name] = example_of(property, schemas);
    }
    return object;
  }
  return nullptr;
}

Body responses_of(const Route& route, const Method& method, const Body& schemas) {
  std::map<int, Body> by_status;
  for (const auto& answer : method.operation.answers) {
    auto response = response_of(answer, schemas);
    const auto [known, is_new] = by_status.try_emplace(answer.status, response);
    if (is_new) continue;
    // The same answer in another form.
    for (const auto& [media_type, content] : response["content"].items()) {
      known->second["content"][media_type] = content;
    }
  }
  std::map<int, std::vector<Failure>> failures;
  for (auto& failure : failures_of(method)) failures[failure.status].push_back(std::move(failure));
  for (const auto& [status, each] : failures) by_status.emplace(status, response_of(each));
  for (const auto& each : shared()) {
    if (!applies(each, route, method)) continue;
    by_status.try_emplace(each.status, Body{{"$ref", "#/components/responses/" + std::string{each.name}}});
  }
  Body responses = Body::object();
  for (auto& [status, response] : by_status) responses[std::to_string(status)] = std::move(response);
  return responses;
}

Body shared_responses() {
  Body responses = Body::object();
  for (const auto& each : shared()) {
    auto& response = responses[std::string{each.name}];
    response["description"] = each.meaning;
    if (!each.header.empty()) {
      response["headers"] = headers_of({{std::string{each.header}, std::string{each.header_meaning}}});
    }
    auto& content = response["content"]["application/json"];
    if (each.example.is_null()) {
      content["schema"] = schema::ref("ServerError");
      content["example"] = Body::parse(std::get<std::string>(server_error_response().body));
    } else {
      content["schema"] = schema::ref("Detail");
      content["example"] = each.example;
    }
  }
  return responses;
}

}  // namespace fedlog::http
