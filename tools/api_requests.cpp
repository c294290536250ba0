#include "tools/api_requests.h"

#include <httplib.h>

#include <algorithm>

#include "tools/user_requests.h"

namespace fedlog::tools {
namespace {

using Json = nlohmann::ordered_json;
using Outcome = std::expected<void, std::string>;
using Answer = std::expected<Json, std::string>;

constexpr std::size_t token_length = 40;
constexpr int connect_timeout_s = 10;
constexpr int answer_timeout_s = 60;
constexpr std::size_t page_users = 500;
const std::string users_path = "/api/users/";

// "http://host/prefix/" -> "http://host" and "/prefix".
std::pair<std::string, std::string> split_url(const std::string& url) {
  const auto scheme = url.find("://");
  const auto path = url.find('/', scheme == std::string::npos ? 0 : scheme + 3);
  if (path == std::string::npos) return {url, ""};
  auto prefix = url.substr(path);
  while (prefix.ends_with('/')) prefix.pop_back();
  return {url.substr(0, path), prefix};
}

class Api {
 public:
  Api(const std::string& origin, std::string prefix, const ApiCredentials& credentials)
      : client_(origin), prefix_(std::move(prefix)) {
    client_.set_connection_timeout(connect_timeout_s);
    client_.set_read_timeout(answer_timeout_s);
    if (credentials.username.empty()) {
      client_.set_default_headers({{"Authorization", "Token " + credentials.secret}});
    } else {
      client_.set_basic_auth(credentials.username, credentials.secret);
    }
  }

  Answer get(const std::string& path, const httplib::Params& query) {
    return answer(client_.Get(prefix_ + path, query, httplib::Headers{}));
  }
  Answer post(const std::string& path, const nlohmann::json& body) {
    return answer(client_.Post(prefix_ + path, body.dump(), "application/json"));
  }

 private:
  static Answer answer(const httplib::Result& result) {
    if (!result) {
      return std::unexpected("The server cannot be asked (" + httplib::to_string(result.error()) +
                             "): does it run at this address?");
    }
    if (result->status >= 300) {
      return std::unexpected("The server refuses (HTTP status " + std::to_string(result->status) +
                             "): " + words_of_refusal(result->body));
    }
    auto body = Json::parse(result->body, nullptr, false);
    if (body.is_discarded()) return std::unexpected("The answer is no JSON: is this a fedlog server?");
    return body;
  }

  httplib::Client client_;
  std::string prefix_;
};

// As the control socket tells of users; what the API does not tell is not there.
Json user_line(const Json& user) {
  Json line = user;
  line.erase("x_active");
  line["active"] = user.value("x_active", true);
  return line;
}

Outcome list(Api& api, const Emit& emit) {
  std::size_t offset = 0;
  while (true) {
    const auto page =
        api.get(users_path, {{"limit", std::to_string(page_users)}, {"offset", std::to_string(offset)}});
    if (!page) return std::unexpected(page.error());
    const auto& users = page->at("results");
    for (const auto& user : users) {
      if (!emit(user_line(user))) return {};
    }
    if (users.empty() || page->at("next").is_null()) return {};
    offset += users.size();
  }
}

Outcome add(Api& api, const nlohmann::json& request, const Emit& emit) {
  if (request.value("superuser", false)) {
    return std::unexpected(
        "The API makes no superusers: use --data with the server's data folder, also while it runs.");
  }
  const auto user = api.post(users_path, request.at("user"));
  if (!user) return std::unexpected(user.error());
  emit({{"id", user->at("id")}, {"username", user->at("username")}, {"token", user->at("token")}});
  return {};
}

std::expected<std::string, std::string> id_of(Api& api, const std::string& username) {
  const auto found = api.get(users_path, {{"username", username}});
  if (!found) return std::unexpected(found.error());
  for (const auto& user : *found) {
    if (user.at("username") == username) return user.at("id").get<std::string>();
  }
  return std::unexpected("There is no user \"" + username + "\"; `fedlog user list` shows all.");
}

Outcome change(Api& api, const ApiCredentials& credentials, const nlohmann::json& request,
               const std::string& command, const Emit& emit) {
  const auto username = request.at("username").get<std::string>();
  const auto id = id_of(api, username);
  if (!id) return std::unexpected(id.error());
  nlohmann::json body = nlohmann::json::object();
  if (command == "password") {
    body["new_password"] = request.at("password");
    if (username == credentials.username) body["old_password"] = credentials.secret;
  }
  if (command == "deactivate" && request.value("even_if_running", false)) body["x_even_if_running"] = true;
  const auto answer = api.post(users_path + *id + "/" + command + "/", body);
  if (!answer) return std::unexpected(answer.error());
  if (command == "token") emit(*answer);
  return {};
}

}  // namespace

std::optional<ApiCredentials> parse_credentials(const std::string& text) {
  const auto colon = text.find(':');
  if (colon != std::string::npos) {
    if (colon == 0 || colon + 1 == text.size()) return std::nullopt;
    return ApiCredentials{.username = text.substr(0, colon), .secret = text.substr(colon + 1)};
  }
  const bool token =
      text.size() == token_length && text.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!token) return std::nullopt;
  return ApiCredentials{.username = {}, .secret = text};
}

Outcome ask_api(const std::string& url, const ApiCredentials& credentials, const nlohmann::json& request,
                const Emit& emit) {
  auto [origin, prefix] = split_url(url);
  const bool known_scheme = origin.starts_with("http://") || origin.starts_with("https://");
  if (!known_scheme || origin.ends_with('/')) {
    return std::unexpected("\"" + url +
                           "\" is no address of a server: write http://HOST:PORT or https://HOST.");
  }
  Api api(origin, std::move(prefix), credentials);
  const auto command = request.value("command", std::string{});
  try {
    if (command == "user-list") return list(api, emit);
    if (command == "user-add") return add(api, request, emit);
    if (command == "user-passwd") return change(api, credentials, request, "password", emit);
    return change(api, credentials, request, command.substr(std::string_view("user-").size()), emit);
  } catch (const nlohmann::json::exception&) {
    return std::unexpected("The answer is not what fedlog's API answers: is this a fedlog server?");
  }
}

}  // namespace fedlog::tools
