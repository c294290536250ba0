#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fedlog::actors {

// The value of X-Fedlog-Signature, "t=<seconds>,v1=<signature>": in hexadecimal, the HMAC-SHA256 under the
// receiver's secret of these seconds, a dot, and the body.
[[nodiscard]] std::string webhook_signature(std::string_view secret, std::int64_t timestamp_s,
                                            std::string_view body);

}  // namespace fedlog::actors
