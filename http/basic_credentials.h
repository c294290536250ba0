#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <variant>

namespace fedlog::http {

struct NoCredentials {
  bool operator==(const NoCredentials&) const = default;
};
struct TokenCredentials {
  std::string token;
  bool operator==(const TokenCredentials&) const = default;
};
// UTF-8, whichever way the client encoded it.
struct BasicCredentials {
  std::string username;
  std::string password;
  bool operator==(const BasicCredentials&) const = default;
};
using Credentials = std::variant<NoCredentials, TokenCredentials, BasicCredentials>;

// Reads an Authorization header's value. A scheme other than Token and Basic is NoCredentials. Basic with a
// user name of 40 characters and no password is a token. The error is DRF's text for a 401.
[[nodiscard]] std::expected<Credentials, std::string> parse_authorization(std::string_view value);

}  // namespace fedlog::http
