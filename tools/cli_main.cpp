#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "config/settings.h"
#include "http/training_status.h"
#include "storage/data_folder.h"
#include "storage/repair.h"
#include "storage/verify.h"
#include "tools/control.h"
#include "tools/control_socket.h"
#include "tools/event_lines.h"
#include "tools/user_commands.h"

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
  storage::VerifyOptions verify;
  std::optional<std::uint64_t> truncate_after;
  bool rebuild_views = false;
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
  return ask(options, {{"command", "show"}, {"stream", options.stream}, {"reveal", options.reveal}},
             [&](const nlohmann::ordered_json& state) {
               std::cout << state.dump(options.json ? -1 : 2) << '\n';
               return true;
             });
}

int why(const Options& options) {
  using Json = nlohmann::ordered_json;
  return ask(options, {{"command", "why"}, {"stream", options.stream}, {"reveal", options.reveal}},
             [&](const nlohmann::ordered_json& status) {
               std::cout << (options.json ? status.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n"
                                          : http::readable(status));
               return true;
             });
}

int print(const nlohmann::ordered_json& report) {
  std::cout << report.at("events") << " events in " << report.at("streams") << " streams, "
            << report.at("blobs") << " blobs";
  if (const auto unused = report.at("unused_blobs").get<std::uint64_t>(); unused > 0) {
    std::cout << " and " << unused << " that nothing needs any more (a server removes them)";
  }
  std::cout << "; the last event is at position " << report.at("last_position") << " with hash "
            << report.at("last_hash").get<std::string>() << '\n';
  for (const auto& problem : report.at("problems"))
    std::cout << "PROBLEM " << problem.get<std::string>() << '\n';
  const auto more = report.at("problems_in_all").get<std::uint64_t>() - report.at("problems").size();
  if (more > 0) std::cout << "and " << more << " more problems\n";
  if (report.at("problems_in_all") == 0) {
    std::cout << "sound\n";
    return 0;
  }
  std::cout << "not sound; up to position " << report.at("sound_until") << " the log itself has no problem\n";
  return 1;
}

int verify(const Options& options) {
  const nlohmann::json request{{"command", "verify"}, {"contents", options.verify.blob_contents}};
  int status = 1;
  const auto emit = [&](const nlohmann::ordered_json& report) {
    status = print(report);
    return true;
  };
  if (const auto answered = tools::ask_running_server(options.data, request, emit)) {
    return *answered ? status : refuse(answered->error());
  }
  const auto report = storage::verify_data_folder(options.data, options.verify);
  return report ? print(tools::report_json(*report)) : refuse(report.error());
}

int repair(const Options& options) {
  if (!options.rebuild_views && !options.truncate_after) {
    return refuse("say what to mend: --truncate-after POSITION (fedlog verify names it) or --rebuild-views");
  }
  if (options.rebuild_views) {
    if (auto rebuilt = storage::rebuild_views(options.data); !rebuilt) return refuse(rebuilt.error());
    std::cout << "The views were written anew from the log.\n";
  }
  if (options.truncate_after) {
    const auto truncated = storage::truncate_after(options.data, *options.truncate_after);
    if (!truncated) return refuse(truncated.error());
    std::cout << "The log ends at position " << *options.truncate_after << " now; "
              << truncated->dropped_events << " readable events were dropped.\n";
  }
  return 0;
}

}  // namespace

int main(int count, char** values) {
  CLI::App app{"fedlog: looks into the data of a fedlog server, running or stopped, and sees to its users."};
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
  show_command->add_flag("--reveal-personal", options.reveal, "decrypt names, addresses and endpoints");

  auto* why_command =
      on_data(app.add_subcommand("why", "tell what a training waits for, from whom, until when"));
  why_command->add_option("stream", options.stream, "training/ID")->required();
  why_command->add_flag("--json", options.json, "one JSON object, as the API's status/ answers");
  why_command->add_flag("--reveal-personal", options.reveal, "call users by their names");

  auto* verify_command = on_data(app.add_subcommand("verify", "check the log, the views and the blobs"));
  verify_command->add_flag("--contents", options.verify.blob_contents,
                           "read every blob and compare its SHA-256");

  auto* repair_command = on_data(app.add_subcommand("repair", "mend the data of a stopped server"));
  repair_command->add_option("--truncate-after", options.truncate_after,
                             "drop every event after this position");
  repair_command->add_flag("--rebuild-views", options.rebuild_views, "write the views anew from the log");

  tools::UserCommand user_command;
  tools::add_user_commands(app, user_command);

  app.add_subcommand("config", "print the sample configuration with every key");
  CLI11_PARSE(app, count, values);

  try {
    if (app.got_subcommand("log")) return log(options);
    if (app.got_subcommand("show")) return show(options);
    if (app.got_subcommand("why")) return why(options);
    if (app.got_subcommand("verify")) return verify(options);
    if (app.got_subcommand("repair")) return repair(options);
    if (app.got_subcommand("user")) return tools::run_user_command(app, user_command);
    std::cout << config::sample();
    return 0;
  } catch (const std::exception& error) {
    return refuse(error.what());
  }
}
