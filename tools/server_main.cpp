#include <signal.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "config/settings.h"
#include "http/application.h"
#include "http/server.h"
#include "tools/composition.h"
#include "tools/control_socket.h"
#include "tools/descriptors.h"
#include "tools/logging.h"
#include "tools/user_requests.h"

namespace {

using namespace fedlog;

struct Arguments {
  std::filesystem::path data;
  std::optional<std::filesystem::path> configuration;
  config::Texts flags;
};

// SIGTERM, SIGINT and SIGHUP, for sigwait: no thread is interrupted by them.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  return signals;
}

int refuse(const std::string& why) {
  std::cerr << "fedlog-server: " << why << std::endl;
  return 1;
}

void reload(http::Server& server, const config::Tls& tls) {
  if (tls.certificate.empty()) {
    spdlog::info("nothing to reload: the server has no certificate");
  } else if (const auto reloaded = server.reload_certificate(); reloaded) {
    spdlog::info("certificate reloaded file={}", tls.certificate);
  } else {
    spdlog::error("the old certificate stays in use, since the new one cannot be: {}", reloaded.error());
  }
}

int serve(const Arguments& arguments) {
  auto settings = config::load(arguments.configuration, config::fedlog_environment(), arguments.flags);
  if (!settings) return refuse(settings.error());
  if (settings->server.api_pages.empty()) {
    settings->server.api_pages = (arguments.data / "api-pages").string();
  }
  const char* superuser = std::getenv("FEDLOG_SUPERUSER");
  const auto signals = block_signals();
  const auto descriptors_max = tools::raise_descriptor_limit();
  tools::start_logging(settings->log);
  if (const auto warning = tools::descriptor_warning(descriptors_max, *settings))
    spdlog::warn("{}", *warning);

  auto storage = storage::open_data_folder(arguments.data, tools::storage_options(*settings));
  if (!storage) return refuse(storage.error());
  const auto program = std::filesystem::read_symlink("/proc/self/exe");
  const auto system =
      actors::start_system(**storage, tools::system_options(*settings, arguments.data, program));
  if (superuser != nullptr) {
    if (auto created = tools::ensure_superuser(system->gateway(), superuser); !created)
      return refuse(created.error());
  }
  const auto status_of_running = [&](domain::TrainingId id) -> std::optional<domain::TrainingStatus> {
    const actors::RequestContext whoever_has_the_data{
        .caller = {.id = {}, .superuser = true}, .correlation = {}, .idempotency_key = {}};
    auto status = system->gateway().training_status(whoever_has_the_data, id);
    return status ? std::optional{std::move(*status)} : std::nullopt;
  };
  const tools::ControlServer control{
      arguments.data, [&](const nlohmann::json& request, const tools::Emit& emit) {
        return tools::is_user_request(request)
                   ? tools::answer_user_request(request, system->gateway(), emit)
                   : tools::answer_control_request(request, **storage, emit, status_of_running);
      }};
  const http::Application application{system->gateway(), *settings};
  http::Server server{
      tools::server_options(*settings, application.body_bytes_max()),
      {.handle = [&](const http::Request& request, http::BodyReader& body,
                     http::Response& response) { response = application.answer(request, body); },
       .on_access = tools::log_access,
       .on_exception =
           [](const http::Request& request, std::string_view what) {
             spdlog::error("request failed method={} path={} id={} what=\"{}\"", request.method, request.path,
                           request.id, what);
           },
       .on_cut = [&system] { system->end_predictions(); }}};
  if (settings->server.development) {
    spdlog::warn("development mode: /api/dummy/ gives an account to whoever asks (server.development)");
  }
  spdlog::info("ready data={} listen={} port={}", arguments.data.string(), settings->server.listen,
               server.port());

  int received = 0;
  while (sigwait(&signals, &received) == 0 && received == SIGHUP) reload(server, settings->tls);
  spdlog::info("ending signal={}", strsignal(received));
  server.stop();
  return 0;
}

}  // namespace

int main(int count, char** values) {
  CLI::App app{"fedlog-server: coordinates federated learning over a REST API."};
  Arguments arguments;
  std::string listen;
  app.add_option("--data", arguments.data, "folder of the server's data; created when missing")->required();
  app.add_option("--listen", listen, "HOST:PORT; overrides server.listen of the configuration");
  app.add_option("--config", arguments.configuration, "TOML file; config/fedlog.toml documents every key");
  CLI11_PARSE(app, count, values);
  if (!listen.empty()) arguments.flags["server.listen"] = listen;
  try {
    return serve(arguments);
  } catch (const std::exception& error) {
    return refuse(error.what());
  }
}
