#pragma once

#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/authenticator.h"
#include "http/message.h"
#include "http/negotiation.h"
#include "http/operation.h"

namespace fedlog::http {

// What a handler gets to see of one request.
struct Call {
  const Request& request;
  BodyReader& body;
  // Who calls; nobody only where the method's access is `anyone`.
  std::optional<domain::User> caller;
  // The values of the pattern's parameters by name, percent-decoded and never empty.
  std::map<std::string, std::string, std::less<>> parameters;
  // The renderer that was negotiated; of the route's `renderers`.
  Renderer renderer;

  // A parameter that the pattern names; asking for another one is a bug and throws.
  [[nodiscard]] const std::string& parameter(std::string_view name) const;
  // The same for `{name:int}`.
  [[nodiscard]] std::int64_t number(std::string_view name) const;
};

// Called from many threads at once. What it throws becomes a 500.
using Handler = std::function<Response(Call&)>;

enum class Access { authenticated, anyone };

struct Method {
  // "GET", "POST", "PUT", "PATCH" or "DELETE"; HEAD and OPTIONS come by themselves.
  std::string name;
  Handler handler;
  Access access = Access::authenticated;
  Operation operation = {};
  // On a path of the contract, whose Allow header is recorded: Allow does not name it.
  bool in_allow = true;
};

// What a pattern's `{name}` stands for.
struct PathParameter {
  std::string name;
  std::string meaning;
  Body schema;
  Body example = nullptr;
};

struct Route {
  // "/api/trainings/{training_id}/clients/"; `{group_id:int}` matches digits only.
  std::string pattern;
  // What OPTIONS calls it: "Training".
  std::string view_name;
  std::string description = {};
  std::vector<Method> methods = {};
  // Of OPTIONS and of methods that the route lacks.
  Access access = Access::authenticated;
  // The first is the default. Empty: the route answers whatever the Accept header says.
  std::vector<Renderer> renderers = {json_renderer()};
  std::vector<std::string> parsers = {"application/json", "application/x-www-form-urlencoded",
                                      "multipart/form-data"};
  std::vector<PathParameter> parameters = {};
};

struct CorsOptions {
  // "*" allows every origin; empty allows none.
  std::vector<std::string> allowed_origins = {"*"};
  std::vector<std::string> allowed_headers = {"accept",     "authorization", "content-type",
                                              "user-agent", "x-csrftoken",   "x-requested-with"};
  int max_age_s = 86400;
};

// Finds the route of a request and answers what does not depend on it: unknown paths, missing slashes,
// negotiation, authentication, methods, OPTIONS, CORS, in the contract's order. Immutable once built: call it
// from any thread.
class Router {
 public:
  // The authenticator must outlive the router. Two routes of one pattern, or a pattern that cannot be read,
  // throw std::invalid_argument.
  Router(std::vector<Route> routes, Authenticator& authenticator, CorsOptions cors = {});

  [[nodiscard]] Response answer(const Request& request, BodyReader& body) const;

  // For the API description and for tests.
  [[nodiscard]] const std::vector<Route>& routes() const { return routes_; }

 private:
  struct Segment {
    // From the closest fit to the loosest.
    enum class Kind { literal, number, text } kind;
    std::string text;
    bool operator==(const Segment&) const = default;
  };
  struct Match {
    std::size_t route;
    std::map<std::string, std::string, std::less<>> parameters;
  };

  [[nodiscard]] static std::vector<Segment> compile(std::string_view pattern);
  [[nodiscard]] std::optional<Match> match(std::string_view path) const;
  [[nodiscard]] Response answer_without_cors(const Request& request, BodyReader& body) const;
  [[nodiscard]] Response answer_route(const Route& route, Match match, const Request& request,
                                      BodyReader& body) const;
  void add_cors(const Request& request, Response& response) const;
  [[nodiscard]] Response preflight() const;

  std::vector<Route> routes_;
  std::vector<std::vector<Segment>> segments_;
  Authenticator& authenticator_;
  CorsOptions cors_;
};

// "GET, POST, HEAD, OPTIONS": in DRF's order, with HEAD where there is GET.
[[nodiscard]] std::string allow_header(const Route& route);

}  // namespace fedlog::http
