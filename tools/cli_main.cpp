#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "config/settings.h"
#include "storage/storage.h"
#include "tools/control.h"
#include "tools/control_socket.h"
#include "tools/event_lines.h"

namespace {

using namespace fedlog;

int refuse(const std::string& why) {
  std::cerr << "fedlog: " << why << std::endl;
  return 1;
}

struct Options {
  std::filesystem::path data;
  std::string stream;
  std::uint64_t from = 1;
  bool json = false;
  bool reveal = false;
};

// Asks the server that runs on the data, else opens the data itself.
int ask(const Options& options, const nlohmann::json& request, const tools::Emit& emit) {
  if (!std::filesystem::exists(options.data / "VERSION")) {
    return refuse(options.data.string() + " is no data folder of a fedlog server");
  }
  if (const auto answered = tools::ask_running_server(options.data, request, emit)) {
    return *answered ? 0 : refuse(answered->error());
  }
  auto storage = storage::open_data_folder(options.data, {});
  if (!storage) return refuse(storage.error());
  const auto answered = tools::answer_control_request(request, **storage, emit);
  return answered ? 0 : refuse(answered.error());
}

int log(const Options& options) {
  const nlohmann::json request{
      {"command", "log"}, {"stream", options.stream}, {"from", options.from}, {"reveal", options.reveal}};
  return ask(options, request, [&](const nlohmann::ordered_json& envelope) {
    std::cout << (options.json ? envelope.dump() : tools::readable(envelope)) << '\n';
    return std::cout.good();
  });
}

int show(const Options& options) {
  return ask(options, {{"command", "show"}, {"stream", options.stream}},
             [&](const nlohmann::ordered_json& state) {
               std::cout << state.dump(options.json ? -1 : 2) << '\n';
               return true;
             });
}

}  // namespace

int main(int count, char** values) {
  CLI::App app{"fedlog: looks into the data of a fedlog server, running or stopped."};
  app.require_subcommand(1);
  Options options;
  const auto on_data = [&](CLI::App* command) {
    command->add_option("--data", options.data, "the server's data folder")->required();
    return command;
  };

  auto* log_command = on_data(app.add_subcommand("log", "print the events of a stream, or all"));
  log_command->add_option("stream", options.stream, "training/ID, model/ID, user/ID or group/NUMBER");
  log_command->add_option("--from", options.from,
                          "first version of the stream, or first position of the whole log");
  log_command->add_flag("--json", options.json, "one JSON object a line, with everything that is known");
  log_command->add_flag("--reveal-personal", options.reveal, "decrypt names, addresses and endpoints");

  auto* show_command =
      on_data(app.add_subcommand("show", "print the state that a stream's events add up to"));
  show_command->add_option("stream", options.stream, "training/ID, model/ID, user/ID or group/NUMBER")
      ->required();
  show_command->add_flag("--json", options.json, "on one line");

  app.add_subcommand("config", "print the sample configuration with every key");
  CLI11_PARSE(app, count, values);

  try {
    if (app.got_subcommand("log")) return log(options);
    if (app.got_subcommand("show")) return show(options);
    std::cout << config::sample();
    return 0;
  } catch (const std::exception& error) {
    return refuse(error.what());
  }
}
