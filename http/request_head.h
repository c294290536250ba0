#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace fedlog::http {

struct HeadLimits {
  std::size_t bytes_max = 32 * 1024;
  std::size_t fields_max = 100;
};

// Why a request cannot be served; the connection ends with this answer.
struct HeadError {
  int status;
  std::string detail;
};

// How a request's body is delimited.
struct BodyFraming {
  bool chunked = false;
  std::uint64_t length_bytes = 0;
  // The client waits for "100 Continue" before it sends the body.
  bool expects_continue = false;
};

struct RequestHead {
  Request request;
  BodyFraming framing;
  bool keep_alive = true;
};

// Looks for the end of a request's head in what has come so far. Gives the head's length with its blank line,
// or nothing if more has to come. Refuses at the first byte what cannot become a request, and what grows over
// the limit. `scanned_bytes` is how far earlier calls got with the same, shorter input: start with 0.
[[nodiscard]] std::expected<std::optional<std::size_t>, HeadError> find_head_end(std::string_view input,
                                                                                 std::size_t& scanned_bytes,
                                                                                 const HeadLimits& limits);

// Reads a whole head strictly (RFC 9112): what two readers could understand differently is refused. Leaves
// `remote_address` empty, and `id` too unless the client gave a usable one.
[[nodiscard]] std::expected<RequestHead, HeadError> parse_request_head(std::string_view head,
                                                                       const HeadLimits& limits);

}  // namespace fedlog::http
