#include "http/router.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <stdexcept>

#include "http/errors.h"
#include "http/options.h"

namespace fedlog::http {

namespace {

// What scripts of other origins may read beside what every browser lets them.
constexpr std::string_view exposed_headers =
    "Content-Disposition, ETag, Location, Retry-After, X-Fedlog-Hint, X-Request-ID";

// In DRF's order, which Allow repeats.
constexpr std::array method_names{"GET", "POST", "PUT", "PATCH", "DELETE"};

const Method* find_method(const Route& route, std::string_view name) {
  // HEAD is GET; the server leaves the body out.
  const auto wanted = name == "HEAD" ? std::string_view{"GET"} : name;
  const auto found =
      std::ranges::find_if(route.methods, [&](const Method& method) { return method.name == wanted; });
  return found == route.methods.end() ? nullptr : &*found;
}

std::vector<std::string_view> split_path(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    const auto slash = path.find('/');
    segments.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
    if (path.empty()) segments.emplace_back();
  }
  return segments;
}

bool is_number(std::string_view text) {
  std::int64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  return !text.empty() && text[0] != '-' && result.ec == std::errc{} && result.ptr == end;
}

std::string joined(const std::vector<std::string>& items) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ", ") + item;
  return text;
}

Response redirect_to_slash(const Request& request) {
  Response response;
  response.status = request.method == "GET" || request.method == "HEAD" ? 301 : 308;
  auto location = request.raw_path + "/";
  if (!request.raw_query.empty()) location += "?" + request.raw_query;
  response.headers.add("Location", std::move(location));
  response.headers.add("Content-Type", "text/html; charset=utf-8");
  return response;
}

Response metadata(const Route& route) {
  Body body;
  body["name"] = route.view_name;
  body["description"] = route.description;
  body["renders"] = Body::array();
  for (const auto& renderer : route.renderers) body["renders"].push_back(renderer.media_type);
  body["parses"] = route.parsers;
  if (auto actions = actions_of(route); !actions.empty()) body["actions"] = std::move(actions);
  return body_response(200, body);
}

void add_fixed_headers(const Request& request, Response& response) {
  response.headers.set_if_absent("Vary", "Accept, Origin");
  response.headers.set_if_absent("X-Content-Type-Options", "nosniff");
  response.headers.set_if_absent("X-Frame-Options", "DENY");
  response.headers.set_if_absent("Referrer-Policy", "same-origin");
  if (request.method == "GET" || request.method == "HEAD") {
    response.headers.set_if_absent("Cache-Control", "no-store");
  }
}

}  // namespace

const std::string& Call::parameter(std::string_view name) const {
  const auto found = parameters.find(name);
  if (found == parameters.end()) {
    throw std::logic_error("the route has no parameter \"" + std::string{name} + "\"");
  }
  return found->second;
}

std::int64_t Call::number(std::string_view name) const {
  return std::stoll(parameter(name));
}

std::string allow_header(const Route& route) {
  std::string allow;
  for (const std::string_view name : method_names) {
    const auto* method = find_method(route, name);
    if (method != nullptr && method->in_allow) allow.append(name).append(", ");
  }
  if (find_method(route, "GET")) allow += "HEAD, ";
  return allow + "OPTIONS";
}

Router::Router(std::vector<Route> routes, Authenticator& authenticator, CorsOptions cors)
    : routes_(std::move(routes)), authenticator_(authenticator), cors_(std::move(cors)) {
  for (const auto& route : routes_) {
    segments_.push_back(compile(route.pattern));
    if (std::count(segments_.begin(), segments_.end(), segments_.back()) > 1) {
      throw std::invalid_argument("two routes have the pattern " + route.pattern);
    }
    for (const auto& method : route.methods) {
      if (std::ranges::find(method_names, method.name) == method_names.end() || !method.handler) {
        throw std::invalid_argument("a method of " + route.pattern + " is unknown or has no handler");
      }
    }
  }
}

std::vector<Router::Segment> Router::compile(std::string_view pattern) {
  const auto bad = [&] { return std::invalid_argument("not a route pattern: " + std::string{pattern}); };
  if (!pattern.starts_with('/')) throw bad();
  std::vector<Segment> segments;
  for (const auto part : split_path(pattern)) {
    if (!part.starts_with('{')) {
      if (part.find_first_of("{}") != std::string_view::npos) throw bad();
      segments.push_back({Segment::Kind::literal, std::string{part}});
      continue;
    }
    if (!part.ends_with('}')) throw bad();
    const auto inner = part.substr(1, part.size() - 2);
    const auto colon = inner.find(':');
    if (inner.empty() || (colon != std::string_view::npos && inner.substr(colon) != ":int")) throw bad();
    segments.push_back({colon == std::string_view::npos ? Segment::Kind::text : Segment::Kind::number,
                        std::string{inner.substr(0, colon)}});
  }
  return segments;
}

// Literal segments win over parameters, from left to right: "/users/myself/" over "/users/{user_id}/".
std::optional<Router::Match> Router::match(std::string_view path) const {
  const auto parts = split_path(path);
  const auto fits = [&](const Segment& segment, std::string_view part) {
    if (segment.kind == Segment::Kind::literal) return segment.text == part;
    return !part.empty() && (segment.kind == Segment::Kind::text || is_number(part));
  };
  std::optional<std::size_t> best;
  for (std::size_t index = 0; index < routes_.size(); ++index) {
    const auto& segments = segments_[index];
    if (!std::ranges::equal(segments, parts, fits)) continue;
    const auto closer = [&](const Segment& mine, const Segment& other) { return mine.kind < other.kind; };
    if (!best || std::ranges::lexicographical_compare(segments, segments_[*best], closer)) best = index;
  }
  if (!best) return std::nullopt;
  Match match{*best, {}};
  for (std::size_t index = 0; index < parts.size(); ++index) {
    const auto& segment = segments_[*best][index];
    if (segment.kind != Segment::Kind::literal) match.parameters.emplace(segment.text, parts[index]);
  }
  return match;
}

Response Router::answer(const Request& request, BodyReader& body) const {
  const bool is_preflight = request.method == "OPTIONS" && request.headers.contains("Origin") &&
                            request.headers.contains("Access-Control-Request-Method");
  auto response = is_preflight ? preflight() : answer_without_cors(request, body);
  add_cors(request, response);
  add_fixed_headers(request, response);
  return response;
}

Response Router::answer_without_cors(const Request& request, BodyReader& body) const {
  auto found = match(request.path);
  if (!found) {
    const bool slash_is_missing = !request.path.ends_with('/') && match(request.path + "/");
    return slash_is_missing ? redirect_to_slash(request) : not_found_response();
  }
  const auto& route = routes_[found->route];
  auto response = answer_route(route, std::move(*found), request, body);
  response.headers.set_if_absent("Allow", allow_header(route));
  return response;
}

Response Router::answer_route(const Route& route, Match match, const Request& request,
                              BodyReader& body) const {
  Renderer renderer = json_renderer();
  if (!route.renderers.empty()) {
    auto candidates = route.renderers;
    if (const auto format = request.query_parameter("format"); format && !format->empty()) {
      candidates = renderers_of_format(candidates, *format);
      if (candidates.empty()) return not_found_response();
    }
    auto chosen = negotiate(candidates, request.headers.get("Accept"));
    if (!chosen) return detail_response(406, "Could not satisfy the request Accept header.");
    renderer = std::move(*chosen);
  }

  auto caller = authenticator_.authenticate(request);
  if (!caller) return std::move(caller.error());
  const auto* method = find_method(route, request.method);
  if (!*caller && (method ? method->access : route.access) == Access::authenticated) {
    return unauthorized_response("Authentication credentials were not provided.");
  }

  if (request.method == "OPTIONS") return metadata(route);
  if (!method) return method_not_allowed_response(request.method);
  Call call{request, body, std::move(*caller), std::move(match.parameters), std::move(renderer)};
  return method->handler(call);
}

void Router::add_cors(const Request& request, Response& response) const {
  const auto origin = request.headers.get("Origin");
  if (origin.empty()) return;
  const auto allowed = [&](std::string_view wanted) {
    return std::ranges::find(cors_.allowed_origins, wanted) != cors_.allowed_origins.end();
  };
  if (allowed("*")) {
    response.headers.set("Access-Control-Allow-Origin", "*");
  } else if (allowed(origin)) {
    response.headers.set("Access-Control-Allow-Origin", std::string{origin});
  } else {
    return;
  }
  response.headers.set("Access-Control-Expose-Headers", std::string{exposed_headers});
}

Response Router::preflight() const {
  Response response;
  response.headers.add("Content-Type", "text/html; charset=utf-8");
  response.headers.add("Access-Control-Allow-Methods", "DELETE, GET, OPTIONS, PATCH, POST, PUT");
  response.headers.add("Access-Control-Allow-Headers", joined(cors_.allowed_headers));
  response.headers.add("Access-Control-Max-Age", std::to_string(cors_.max_age_s));
  return response;
}

}  // namespace fedlog::http
