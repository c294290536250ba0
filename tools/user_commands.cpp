#include "tools/user_commands.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "actors/system.h"
#include "storage/data_folder.h"
#include "tools/api_requests.h"
#include "tools/control_socket.h"
#include "tools/password_input.h"
#include "tools/user_requests.h"

namespace fedlog::tools {
namespace {

using Outcome = std::expected<void, std::string>;

// Credentials for --server: "name:password" or a token. No argument, since those can be seen.
constexpr auto credentials_variable = "FEDLOG_CREDENTIALS";

std::expected<ApiCredentials, std::string> api_credentials() {
  if (const char* text = std::getenv(credentials_variable)) {
    if (auto credentials = parse_credentials(text)) return *credentials;
    return std::unexpected(std::string(credentials_variable) + " must be name:password, or a token.");
  }
  if (!can_prompt()) {
    return std::unexpected(std::string("Say who asks the server: set ") + credentials_variable +
                           " to name:password or to a token.");
  }
  auto name = read_line("Your user name: ");
  if (!name) return std::unexpected(name.error());
  auto password = read_password("Your password: ");
  if (!password) return std::unexpected(password.error());
  return ApiCredentials{.username = std::move(*name), .secret = std::move(*password)};
}

// Asks the server that runs on the data, else opens the data itself.
Outcome ask_data(const std::filesystem::path& data, const nlohmann::json& request, const Emit& emit) {
  // A first user may come before the first start.
  if (request.at("command") != "user-add" && !std::filesystem::exists(data / "VERSION")) {
    return std::unexpected(data.string() + " is no data folder of a fedlog server.");
  }
  if (auto answered = ask_running_server(data, request, emit)) return std::move(*answered);
  auto storage = storage::open_data_folder(data, {});
  if (!storage) return std::unexpected(storage.error());
  const auto users = actors::administer_users(**storage, {});
  return answer_user_request(request, *users, emit);
}

std::string printable(const std::string& text) {
  const bool plain =
      text.find_first_of(" \"") == std::string::npos && !text.empty() &&
      nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) == '"' + text + '"';
  return plain ? text : nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

nlohmann::json request_of(const std::string& action, const UserCommand& command) {
  nlohmann::json request = {{"command", "user-" + action}};
  if (action == "list") return request;
  if (action != "add") {
    request["username"] = command.username;
    if (action == "deactivate") request["even_if_running"] = command.even_if_running;
    return request;
  }
  request["user"] = {{"username", command.username},   {"first_name", command.first_name},
                     {"last_name", command.last_name}, {"email", command.email},
                     {"actor", command.actor},         {"client", command.client}};
  if (!command.message_endpoint.empty()) request["user"]["message_endpoint"] = command.message_endpoint;
  request["superuser"] = command.superuser;
  return request;
}

void print(const std::string& action, const UserCommand& command, const nlohmann::ordered_json& line) {
  if (command.json) {
    std::cout << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  } else if (action == "list") {
    std::cout << readable_user(line) << '\n';
  } else if (action == "add") {
    std::cout << "id " << line.at("id").get<std::string>() << "\ntoken "
              << line.at("token").get<std::string>() << '\n';
  } else {
    std::cout << line.at("token").get<std::string>() << '\n';
  }
}

Outcome carry_out(const std::string& action, const UserCommand& command) {
  auto request = request_of(action, command);
  std::optional<ApiCredentials> credentials;
  if (!command.server.empty()) {
    auto given = api_credentials();
    if (!given) return std::unexpected(given.error());
    credentials = std::move(*given);
  }
  if (action == "add" || action == "passwd") {
    auto password = read_new_password("Password of " + printable(command.username) + ": ");
    if (!password) return std::unexpected(password.error());
    (action == "add" ? request["user"]["password"] : request["password"]) = std::move(*password);
  }
  const auto emit = [&](const nlohmann::ordered_json& line) {
    print(action, command, line);
    return std::cout.good();
  };
  return credentials ? ask_api(command.server, *credentials, request, emit)
                     : ask_data(command.data, request, emit);
}

}  // namespace

void add_user_commands(CLI::App& app, UserCommand& command) {
  auto* user = app.add_subcommand("user", "users of a server, running or stopped");
  user->require_subcommand(1);
  const auto action = [&](const char* name, const char* description) {
    auto* added = user->add_subcommand(name, description);
    auto* where = added->add_option_group("where", "one of");
    where->add_option("--data", command.data,
                      "the server's data folder; with the rights of whoever may use it");
    where->add_option("--server", command.server,
                      std::string("http(s)://HOST:PORT of a running server; with the rights of ") +
                          credentials_variable +
                          " (name:password, or a token), which is asked for when missing");
    where->require_option(1);
    added->add_flag("--json", command.json, "one JSON object a line");
    return added;
  };
  const auto action_on_user = [&](const char* name, const char* description) {
    auto* added = action(name, description);
    added->add_option("name", command.username, "the user's name")->required();
    return added;
  };

  action("list", "show all users");
  auto* add = action_on_user("add", "create a user, whose password comes from standard input");
  add->add_option("--first-name", command.first_name);
  add->add_option("--last-name", command.last_name);
  add->add_option("--email", command.email);
  add->add_option("--message-endpoint", command.message_endpoint,
                  "URL that notifications are posted to; \"poll:\", or none, for users who ask for them. "
                  "Required with --server");
  add->add_flag("--actor", command.actor, "means to run trainings");
  add->add_flag("--client", command.client, "means to take part in trainings");
  add->add_flag("--superuser", command.superuser, "may do everything; only with --data");
  action_on_user("passwd", "give a user another password, from standard input");
  action_on_user("token", "give a user another token and print it; the old one is worth nothing any more");
  action_on_user("deactivate", "lock a user out: neither password nor token is accepted")
      ->add_flag("--even-if-running", command.even_if_running,
                 "also where trainings of the user are running");
  action_on_user("activate", "let a user in again");
}

int run_user_command(const CLI::App& app, const UserCommand& command) {
  const auto action = app.get_subcommand("user")->get_subcommands().front()->get_name();
  const auto done = carry_out(action, command);
  if (done) return 0;
  std::cerr << "fedlog: " << done.error() << std::endl;
  return 1;
}

std::string readable_user(const nlohmann::ordered_json& user) {
  std::string roles;
  for (const auto* role : {"superuser", "actor", "client"}) {
    if (user.value(role, false)) roles += std::string(roles.empty() ? "" : ",") + role;
  }
  auto name = printable(user.at("username").get<std::string>());
  if (name.size() < 24) name.resize(24, ' ');
  auto line = user.at("id").get<std::string>() + "  " + name + "  " + (roles.empty() ? "-" : roles);
  if (!user.value("active", true)) line += "  deactivated";
  return line;
}

}  // namespace fedlog::tools
