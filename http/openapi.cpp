#include "http/openapi.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "http/openapi_components.h"
#include "http/openapi_fields.h"
#include "http/openapi_responses.h"
#include "http/schema.h"

namespace fedlog::http {

namespace {

constexpr std::string_view about =
    R"(Coordinates federated learning. Owners upload a model and open a training; clients that keep their data at
home are told when a round starts, train, and upload updates; the server aggregates them, lets the clients test
the result, and predicts with it.

**Credentials.** Send `Authorization: Token <40 hexadecimal digits>`, or Basic with user name and password (or
with a token as the user name and an empty password). A registration needs none, and answers with the token.

**Paths** end in `/`. Without it, GET is answered with 301 and all else with 308 and the right path.

**Bodies** are JSON, `application/x-www-form-urlencoded` or `multipart/form-data` as each call says; in a form, a
list is a repeated field. Answers are JSON unless a call says otherwise. HEAD is GET without a body, OPTIONS tells
what a path takes.

**Errors** are `{"detail": "..."}`, `{"field": ["..."]}` by the names of fields that are wrong, or a bare list
of sentences. They are checked in this order: form of the answer (404 for `?format=`, 406), credentials (401),
method (405), then the call itself. A method that a path lacks is 405 with `Allow`.

**Repeating.** Who sends the same `Idempotency-Key` with a changing call again within 24 hours gets the first answer,
whatever the body says now; nothing happens a second time. Calls that were refused are judged anew. A key counts for
one user, method and path; for a registration, for its user name and password.

**Notifications.** A user's `message_endpoint` gets a POST for everything that happens in a training that concerns
it; see the callback of the registration. The training goes on by the participants' updates and metrics.

**Fields of ours** that the contract's first server lacks begin with `x_`.
)";

// "/api/groups/{group_id:int}/" as OpenAPI writes it.
std::string path_of(std::string_view pattern) {
  std::string path{pattern};
  for (auto at = path.find(":int}"); at != std::string::npos; at = path.find(":int}")) path.erase(at, 4);
  return path;
}

std::vector<std::string> parameter_names(std::string_view path) {
  std::vector<std::string> names;
  for (auto open = path.find('{'); open != std::string_view::npos; open = path.find('{', open + 1)) {
    names.emplace_back(path.substr(open + 1, path.find('}', open) - open - 1));
  }
  return names;
}

const PathParameter* find_parameter(const Route& route, std::string_view name) {
  const auto found = std::ranges::find(route.parameters, name, &PathParameter::name);
  return found == route.parameters.end() ? nullptr : &*found;
}

// "post_trainings_training_id_start": unique, since method and path are.
std::string operation_id(std::string_view method, std::string_view path) {
  std::string id;
  for (const char c : method) id.push_back(static_cast<char>(c - 'A' + 'a'));
  constexpr std::string_view prefix = "/api";
  if (path.starts_with(prefix)) path.remove_prefix(prefix.size());
  for (const char c : path) {
    if (c == '{' || c == '}') continue;
    const bool joint = c == '/' || c == '-' || c == '.';
    if (!joint) {
      id.push_back(c);
    } else if (id.back() != '_') {
      id.push_back('_');
    }
  }
  if (id.back() == '_') id.pop_back();
  return id;
}

Body parameters_of(const Route& route, const Method& method, std::string_view path) {
  Body parameters = Body::array();
  for (const auto& name : parameter_names(path)) {
    Body parameter = Body::object();
    parameter["name"] = name;
    parameter["in"] = "path";
    parameter["required"] = true;
    const auto* known = find_parameter(route, name);
    parameter["description"] = known ? known->meaning : "";
    parameter["schema"] = known ? known->schema : schema::text();
    if (known && !known->example.is_null()) parameter["example"] = known->example;
    parameters.push_back(std::move(parameter));
  }
  for (const auto& rule : method.operation.query) parameters.push_back(parameter_of(rule, "query"));
  for (const auto& rule : method.operation.headers) parameters.push_back(parameter_of(rule, "header"));
  if (reads_idempotency_key(method)) {
    parameters.push_back(Body{{"$ref", "#/components/parameters/Idempotency-Key"}});
  }
  return parameters;
}

Body operation_of(const Route& route, const Method& method, const std::string& path, const Body& schemas) {
  const auto& said = method.operation;
  Body operation = Body::object();
  operation["operationId"] = operation_id(method.name, path);
  operation["summary"] = said.summary;
  if (!said.description.empty()) operation["description"] = said.description;
  operation["tags"] = Body::array({said.tag.empty() ? route.view_name : said.tag});
  if (auto parameters = parameters_of(route, method, path); !parameters.empty()) {
    operation["parameters"] = std::move(parameters);
  }
  if (auto body = request_body(route, said); !body.is_null()) operation["requestBody"] = std::move(body);
  operation["responses"] = responses_of(route, method, schemas);
  if (!said.callbacks.is_null()) operation["callbacks"] = said.callbacks;
  if (method.access == Access::anyone) {
    operation["security"] = Body::parse(R"([{}, {"tokenAuth": []}, {"basicAuth": []}])");
  }
  return operation;
}

Body components(Body schemas) {
  Body all = Body::object();
  all["schemas"] = std::move(schemas);
  all["responses"] = shared_responses();
  auto& key = all["parameters"]["Idempotency-Key"];
  key["name"] = "Idempotency-Key";
  key["in"] = "header";
  key["description"] = "Chosen by the caller; the same key again within 24 hours gets the first answer.";
  key["required"] = false;
  key["schema"] = schema::text();
  key["schema"]["pattern"] = "^[A-Za-z0-9._-]{1,128}$";
  key["example"] = "upload-2026-01-31-1";
  auto& request_id = all["headers"]["X-Request-ID"];
  request_id["description"] =
      "Names this request in the server's log: the request's own X-Request-ID, or a new one.";
  request_id["schema"] = schema::text();
  auto& token = all["securitySchemes"]["tokenAuth"];
  token["type"] = "apiKey";
  token["in"] = "header";
  token["name"] = "Authorization";
  token["description"] = "`Token ` and the 40 hexadecimal digits of the user's token.";
  auto& basic = all["securitySchemes"]["basicAuth"];
  basic["type"] = "http";
  basic["scheme"] = "basic";
  basic["description"] = "User name and password, or a token as the user name with an empty password.";
  return all;
}

}  // namespace

Body openapi_document(const std::vector<Route>& routes) {
  const auto schemas = openapi_schemas();
  Body document = Body::object();
  document["openapi"] = "3.0.3";
  document["info"]["title"] = "Federated Learning Demonstrator Server API";
  document["info"]["version"] = FEDLOG_VERSION;
  document["info"]["description"] = about;
  document["servers"] = Body::parse(R"([{"url": "/"}])");
  document["security"] = Body::parse(R"([{"tokenAuth": []}, {"basicAuth": []}])");
  document["tags"] = Body::array();
  for (const auto& route : routes) {
    const auto path = path_of(route.pattern);
    for (const auto& method : route.methods) {
      std::string verb;
      for (const char c : method.name) verb.push_back(static_cast<char>(c - 'A' + 'a'));
      auto operation = operation_of(route, method, path, schemas);
      const Body tag{{"name", operation["tags"][0]}};
      if (std::ranges::find(document["tags"], tag) == document["tags"].end()) document["tags"].push_back(tag);
      document["paths"][path][verb] = std::move(operation);
    }
  }
  document["components"] = components(schemas);
  return document;
}

std::vector<std::string> undocumented(const std::vector<Route>& routes) {
  std::vector<std::string> missing;
  for (const auto& route : routes) {
    if (route.description.empty()) missing.push_back(route.pattern + " has no description");
    for (const auto& name : parameter_names(path_of(route.pattern))) {
      const auto* parameter = find_parameter(route, name);
      if (parameter == nullptr || parameter->meaning.empty()) {
        missing.push_back(route.pattern + ": Route::parameters does not tell what " + name + " is");
      }
    }
    for (const auto& method : route.methods) {
      const auto& said = method.operation;
      const auto call = method.name + " " + route.pattern;
      if (said.summary.empty()) missing.push_back(call + " has no summary");
      if (said.answers.empty()) missing.push_back(call + " has no answers");
      for (const auto* rules : {&said.fields, &said.query, &said.headers}) {
        for (const auto& rule : *rules) {
          const auto name = std::string{rule.name};
          if (rule.description.empty()) missing.push_back(call + ": " + name + " has no description");
          const bool needs_example = rule.required && rule.type != FieldType::file;
          if (needs_example && rule.example.is_null())
            missing.push_back(call + ": " + name + " has no example");
        }
      }
      for (const auto& answer : said.answers) {
        const auto status = std::to_string(answer.status);
        if (answer.meaning.empty()) missing.push_back(call + ": answer " + status + " has no meaning");
        const bool has_body = answer.status != 204 && answer.status != 304 && answer.status != 416;
        if (has_body && answer.schema.is_null())
          missing.push_back(call + ": answer " + status + " has no schema");
      }
    }
  }
  return missing;
}

}  // namespace fedlog::http
