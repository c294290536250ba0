#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/body.h"
#include "http/field_rule.h"
#include "http/message.h"

// What the table of routes says about a call, beside the code that answers it. From here come OPTIONS'
// actions and the API description; docs/api.md shows how to add a route.
namespace fedlog::http {

// One way in which a call succeeds.
struct Success {
  int status = 200;
  std::string meaning;
  Body schema = nullptr;   // an OpenAPI schema (see schema.h); null: an answer without a body
  Body example = nullptr;  // of that schema; null: the schema's own examples put together
  std::string media_type = "application/json";
  std::vector<NameValue> headers = {};  // names and what they tell
};

// One way in which a call fails, beside those that every call has: wrong credentials (401), negotiation (404,
// 406), bodies that are too large, too slow or of an unknown type (408, 413, 415), too many requests (429),
// failures of the server (500, 503, 507).
struct Failure {
  int status;
  std::string when;
  Body body;  // an example, exactly as it is answered
};

struct Operation {
  std::string summary;
  std::string description = {};
  std::vector<FieldRule> query = {};
  std::vector<FieldRule> headers = {};
  // Of the body; none: the call reads no body. The rules that read_fields gets: pass the same object.
  std::vector<FieldRule> fields = {};
  Wording wording = Wording::rest_framework;
  bool partial = false;                       // no field is required
  std::vector<std::string> media_types = {};  // of the body; empty: the route's parsers
  bool idempotency_key = true;                // whether a call that changes something reads that header
  std::vector<Success> answers = {};
  std::vector<Failure> failures = {};
  Body callbacks = nullptr;  // OpenAPI callbacks that this call sets up
  std::string tag = {};      // empty: the route's view_name
};

// {"detail": "..."}
[[nodiscard]] Failure detail_failure(int status, std::string when, std::string detail);
// ["..."]
[[nodiscard]] Failure list_failure(int status, std::string when, std::string message);
// {"field": ["..."]}
[[nodiscard]] Failure field_failure(int status, std::string when, std::string field, std::string message);
// 400 "<entity> <id> not found.": for ids that are unknown and text that is no id.
[[nodiscard]] Failure unknown_id(std::string_view entity);
// 403 in DRF's words.
[[nodiscard]] Failure not_permitted(std::string when);

}  // namespace fedlog::http
