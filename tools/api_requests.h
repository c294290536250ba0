#pragma once

#include <expected>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "tools/control.h"

namespace fedlog::tools {

// Who asks a server's API: a token, or a name and a password.
struct ApiCredentials {
  std::string username;  // empty: there is a token
  std::string secret;
};

// "name:password", or a token of 40 hexadecimal digits; nothing if it is neither.
[[nodiscard]] std::optional<ApiCredentials> parse_credentials(const std::string& text);

// Answers a request about accounts (user_requests.h) through the API at `url` ("https://host:8000"), with the
// rights of those credentials. The error is a sentence.
[[nodiscard]] std::expected<void, std::string> ask_api(const std::string& url,
                                                       const ApiCredentials& credentials,
                                                       const nlohmann::json& request, const Emit& emit);

}  // namespace fedlog::tools
