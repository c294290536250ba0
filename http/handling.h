#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "actors/gateway.h"
#include "config/settings.h"
#include "http/bounded_text.h"
#include "http/form_data.h"
#include "http/message.h"
#include "http/router.h"

// What handlers of every resource need: who asks, the request's body, and the ids in its path. A handler
// translates a request into a call of the gateway and the result into an answer; rules are the domain's.
namespace fedlog::http {

// What handlers work with. All outlive the routes.
struct Services {
  actors::Gateway& gateway;
  const config::Settings& settings;
  MemoryBudget& list_memory;
};

// Of answers that may get long.
[[nodiscard]] TextLimits text_limits(const Services& services);

// The caller, the request's id and its idempotency key. The error is the answer to a malformed key.
[[nodiscard]] std::expected<actors::RequestContext, Response> request_context(const Call& call);

// For calls that change nothing: no idempotency key.
[[nodiscard]] actors::RequestContext reading_context(const Call& call);

// The files that a request may bring.
struct FileAllowance {
  std::uint64_t file_bytes_max = 0;
  std::size_t files_max = 0;
  std::string_view setting;  // where an operator changes it
};

// How much a JSON body may hold.
struct JsonAllowance {
  std::uint64_t bytes_max = 0;
  std::size_t values_max = 0;
  std::string_view setting;  // where an operator changes the size
};
[[nodiscard]] JsonAllowance json_of_inference(const config::Limits& limits);

// A body without uploads: files are read and dropped. Errors are the answer; a body that is too large is 413
// and told the limits.
[[nodiscard]] std::expected<FormData, Response> read_form(Call& call, const Services& services);

// A body whose files go where `open_sink` says; a sink refuses what is too large for it with 413. Without
// `json` a JSON body may hold what is enough for every call but inference.
[[nodiscard]] std::expected<FormData, Response> read_form_with_files(
    Call& call, const Services& services, const FileAllowance& files, const OpenSink& open_sink,
    const std::optional<JsonAllowance>& json = std::nullopt);

// {"detail": "Model abc not found."}: for unknown ids and for text that is no id alike.
[[nodiscard]] Response entity_not_found_response(std::string_view entity, std::string_view id);

// Whether the request came as multipart/form-data, application/json, ...
[[nodiscard]] bool has_media_type(const Request& request, std::string_view type);

}  // namespace fedlog::http
