#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace fedlog::actors {

// Where a user wants to be told things: an http or https URL.
struct Endpoint {
  bool tls = false;
  std::string host;  // without brackets
  int port = 80;
  std::string target;  // path and query in ASCII, never empty

  // The error says what is wrong with the URL, to the user whose it is.
  [[nodiscard]] static std::expected<Endpoint, std::string> parse(std::string_view url);
};

}  // namespace fedlog::actors
