// Whatever is asked for, the router answers it, redirects stay on this server, and what a handler gets of the
// path is never empty, holds no slash, and is a number where it must be. The input is a request's target.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/form.h"
#include "http/request_head.h"
#include "http/router.h"

namespace {

using namespace fedlog::http;

class Everybody final : public Authenticator {
 public:
  std::expected<std::optional<fedlog::domain::User>, Response> authenticate(const Request&) override {
    return fedlog::domain::User{};
  }
};

class NoBody final : public BodyReader {
 public:
  std::expected<std::size_t, BodyError> read(std::span<char>) override { return std::size_t{0}; }
  [[nodiscard]] std::optional<std::uint64_t> declared_size_bytes() const override { return 0; }
  void set_limit(std::uint64_t) override {}
};

void require(bool holds) {
  if (!holds) std::abort();
}

Response look(const Call& call) {
  for (const auto& [name, value] : call.parameters) {
    require(!value.empty() && is_valid_utf8(value) && value.find('/') == std::string::npos);
    if (name == "number") require(call.number("number") >= 0);
  }
  return {};
}

const Router& router() {
  static Everybody everybody;
  static const Router made = [] {
    std::vector<Route> routes;
    for (const auto* pattern : {"/api/things/", "/api/things/{id}/", "/api/things/mine/", "/api/{id}/mine/",
                                "/api/lists/{number:int}/", "/api/lists/{number:int}/{id}/", "/api/page"}) {
      routes.push_back(
          {.pattern = pattern, .view_name = "Thing", .methods = {{"GET", look}, {"POST", look}}});
    }
    return Router{std::move(routes), everybody};
  }();
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string target{reinterpret_cast<const char*>(data), size};
  for (const auto* method : {"GET", "POST", "OPTIONS", "DELETE"}) {
    const auto head = parse_request_head(
        std::string{method} + " " + target + " HTTP/1.1\r\nHost: a\r\nOrigin: http://b\r\n\r\n", {});
    if (!head) continue;
    NoBody body;
    const auto answer = router().answer(head->request, body);
    require(answer.status >= 200 && answer.status < 500);
    for (const auto& [name, value] : answer.headers) {
      require(std::ranges::none_of(value, [](unsigned char c) { return c < 0x20 || c == 0x7F; }));
    }
    if (const auto location = answer.headers.get("Location"); !location.empty()) {
      require(location.starts_with("/") && !location.starts_with("//") && !location.starts_with("/\\"));
    }
  }
  return 0;
}
