#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>

namespace CLI {
class App;
}

namespace fedlog::tools {

// `fedlog user add|list|passwd|token|deactivate|activate`: accounts, of a running server through its API
// (--server) or through the control socket of its data folder (--data), or of a stopped one (--data).
struct UserCommand {
  std::filesystem::path data;
  std::string server;
  std::string username;
  std::string first_name;
  std::string last_name;
  std::string email;
  std::string message_endpoint;
  bool actor = false;
  bool client = false;
  bool superuser = false;
  bool even_if_running = false;
  bool json = false;
};

// Adds `user` and what is below it; the command's options are written to `command`, which must live as long
// as the app.
void add_user_commands(CLI::App& app, UserCommand& command);

// Carries out what the app parsed: asks for passwords, prints the result or the reason why there is none, and
// returns the exit status.
[[nodiscard]] int run_user_command(const CLI::App& app, const UserCommand& command);

// A user in one line for people.
[[nodiscard]] std::string readable_user(const nlohmann::ordered_json& user);

}  // namespace fedlog::tools
