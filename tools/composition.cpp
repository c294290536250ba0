#include "tools/composition.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "actors/statistics.h"
#include "config/network.h"

namespace fedlog::tools {
namespace {

constexpr std::uint64_t mebibyte = 1024 * 1024;

// Whoever hashes or waits for it holds a thread of the server; the other half is for everybody else.
actors::Passwords::Options password_options(const config::Settings& settings) {
  const auto threads_max = std::max<std::int64_t>(1, settings.server.threads_max / 2);
  const auto hashing = std::min(settings.accounts.password_hash_threads, threads_max);
  const auto waiting = std::min(settings.accounts.password_queue_max, threads_max - hashing);
  return {.memory_kib = static_cast<std::size_t>(settings.accounts.password_hash_memory_kib),
          .passes = static_cast<std::uint64_t>(settings.accounts.password_hash_passes),
          .threads = static_cast<std::size_t>(hashing),
          .waiting_max = static_cast<std::size_t>(waiting),
          .remember = std::chrono::seconds{settings.accounts.credential_cache_s}};
}

// Whoever waits for a model worker holds a thread of the server.
std::size_t predictions_waiting_max(const config::Settings& settings) {
  return static_cast<std::size_t>(std::min(settings.worker.queue_limit, settings.server.threads_max));
}

// Those threads come on top of the others, so that uploads and predictions together never have all.
std::size_t threads_for_models_max(const config::Settings& settings) {
  return static_cast<std::size_t>(settings.worker.slots) + predictions_waiting_max(settings) +
         actors::StatisticsLimits{}.waits_max;
}

// What a worker may compute in its life. One that has used half of it is replaced after the request, so the
// other half has to be enough for a whole request.
std::uint32_t worker_cpu_limit_s(std::int64_t deadline_ms) {
  constexpr std::int64_t least = 3'600;
  const auto deadline_s = deadline_ms / 1'000 + 1;
  return static_cast<std::uint32_t>(std::max(least, 2 * deadline_s));
}

// Whoever pings waits for somebody else's server with a thread of this one.
std::size_t pings_max(const config::Settings& settings) {
  const auto quarter = std::min(settings.notifications.concurrency, settings.server.threads_max) / 4;
  return static_cast<std::size_t>(std::max<std::int64_t>(1, quarter));
}

// For what the options of a training do not say.
domain::TrainingOptions training_defaults(const config::Settings& settings) {
  const auto min_updates = *config::parse_min_updates(settings.trainings.min_updates);  // checked on loading
  domain::TrainingOptions defaults;
  defaults.round_deadline_s = settings.trainings.round_deadline_s;
  defaults.test_deadline_s = settings.trainings.test_deadline_s;
  defaults.min_updates = min_updates.count;
  defaults.min_updates_fraction = min_updates.fraction;
  defaults.on_deadline = settings.trainings.on_deadline == config::OnDeadline::go_on
                             ? domain::OnDeadline::go_on
                             : domain::OnDeadline::error;
  defaults.on_unreachable = settings.notifications.on_unreachable == config::OnUnreachable::remove
                                ? domain::OnUnreachable::remove
                                : domain::OnUnreachable::error;
  defaults.max_rounds_without_quorum = settings.trainings.max_rounds_without_quorum;
  return defaults;
}

// The variable only creates: whoever expects it to change the password, or to let the user in, should learn
// that it does not.
void warn_if_useless(actors::Gateway& gateway, const domain::User& user, const std::string& password) {
  const auto& name = user.username.text;
  if (!user.active) {
    spdlog::warn(
        "FEDLOG_SUPERUSER changes nothing: the user is deactivated name={0} hint=\"fedlog user activate "
        "{0}\"",
        name);
    return;
  }
  const auto signed_in =
      gateway.user_by_password({.username = name, .password = password, .address = "start"});
  if (!signed_in && signed_in.error().reason == domain::Reason::wrong_credentials) {
    spdlog::warn(
        "FEDLOG_SUPERUSER changes nothing: the user exists with another password name={0} hint=\"fedlog "
        "user passwd {0}\"",
        name);
  }
}

}  // namespace

storage::StorageOptions storage_options(const config::Settings& settings) {
  storage::StorageOptions options;
  options.wal_bytes_max = static_cast<std::uint64_t>(settings.storage.wal_bytes_max);
  options.group_commit_events_max = static_cast<std::size_t>(settings.storage.group_commit_events_max);
  return options;
}

actors::SystemOptions system_options(const config::Settings& settings,
                                     const std::filesystem::path& data_folder,
                                     const std::filesystem::path& program) {
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  actors::SystemOptions options;
  options.passwords = password_options(settings);
  options.sign_in = {.wrong_per_minute_per_address = settings.accounts.wrong_passwords_per_minute_per_address,
                     .wrong_per_minute_per_user = settings.accounts.wrong_passwords_per_minute_per_user};
  options.notifications = {
      .connect_timeout = milliseconds{settings.notifications.connect_timeout_ms},
      .read_timeout = milliseconds{settings.notifications.read_timeout_ms},
      .total_timeout = milliseconds{settings.notifications.total_timeout_ms},
      .retry = {.first = milliseconds{settings.notifications.retry_first_ms},
                .max = milliseconds{settings.notifications.retry_max_ms},
                .span = seconds{settings.notifications.retry_span_s}},
      .concurrency = static_cast<std::size_t>(settings.notifications.concurrency),
      .concurrency_per_receiver = static_cast<std::size_t>(settings.notifications.concurrency_per_receiver),
      .pings_max = pings_max(settings),
      .poll_span = seconds{settings.notifications.poll_span_s},
      .permits = [rules = config::NetworkRules{settings.notifications.allowed_networks,
                                               settings.notifications.denied_networks}](const auto& address) {
        return rules.permits(address);
      }};
  options.training_defaults = training_defaults(settings);
  options.notification_waits_max = static_cast<std::size_t>(settings.notifications.waits_max);
  options.model_access = settings.models.access == config::ModelAccess::open ? domain::ModelAccess::open
                                                                             : domain::ModelAccess::members;
  options.require_finite_updates = settings.models.require_finite_updates;
  options.aggregation_threads = static_cast<std::size_t>(settings.aggregation.threads);
  options.scratch_folder = data_folder / "tmp";
  options.idle_passivate = seconds{settings.trainings.idle_passivate_s};

  auto& worker = options.worker;
  worker.slots = static_cast<std::size_t>(settings.worker.slots);
  worker.spares = static_cast<std::size_t>(settings.worker.spares);
  worker.queue = {.all = predictions_waiting_max(settings),
                  .per_caller = static_cast<std::size_t>(settings.worker.queue_limit_per_user),
                  .per_model = static_cast<std::size_t>(settings.worker.queue_limit_per_model)};
  worker.idle_exit_s = settings.worker.idle_exit_s;
  worker.process.memory_limit_bytes = static_cast<std::uint64_t>(settings.worker.memory_limit_mib) * mebibyte;
  worker.process.model_cache_bytes = static_cast<std::uint64_t>(settings.worker.model_cache_mib) * mebibyte;
  worker.process.deadline_ms = settings.worker.deadline_ms;
  worker.process.cpu_limit_s = worker_cpu_limit_s(settings.worker.deadline_ms);
  if (auto path = actors::find_model_worker(settings.worker.path, program)) {
    worker.process.worker_path = std::move(*path);
  } else {
    options.worker_missing = path.error();
  }
  return options;
}

http::ServerOptions server_options(const config::Settings& settings, std::uint64_t body_bytes_max) {
  const auto address = *config::parse_listen_address(settings.server.listen);  // checked when it was loaded
  http::ServerOptions options;
  options.host = address.host;
  options.port = address.port;
  const auto& server = settings.server;
  if (!settings.tls.certificate.empty()) {
    options.tls = http::TlsFiles{.certificate = settings.tls.certificate, .key = settings.tls.key};
  }
  options.trusted_proxies = server.trusted_proxies;
  options.allowed_hosts = server.allowed_hosts;
  options.threads_max = static_cast<std::size_t>(server.threads_max) + threads_for_models_max(settings);
  options.upload_threads_max =
      static_cast<std::size_t>(server.threads_max * server.upload_threads_percent / 100);
  options.connections_max = static_cast<std::size_t>(server.connections_max);
  options.connections_per_address_max = static_cast<std::size_t>(server.connections_per_address_max);
  options.header_bytes_max = static_cast<std::size_t>(server.header_bytes_max);
  options.header_fields_max = static_cast<std::size_t>(server.header_fields_max);
  options.collected_body_bytes_max = static_cast<std::size_t>(server.collected_body_bytes_max);
  options.unsent_bytes_max = static_cast<std::size_t>(server.unsent_bytes_max);
  options.first_byte_timeout_ms = static_cast<int>(server.first_byte_timeout_ms);
  options.bytes_per_second_min = static_cast<std::uint64_t>(server.bytes_per_second_min);
  options.body_bytes_max = body_bytes_max;
  options.header_timeout_ms = static_cast<int>(settings.server.header_timeout_ms);
  options.body_timeout_ms = static_cast<int>(settings.server.body_timeout_ms);
  options.write_timeout_ms = static_cast<int>(settings.server.write_timeout_ms);
  options.keep_alive_idle_ms = static_cast<int>(settings.server.keep_alive_idle_s) * 1000;
  return options;
}

std::expected<void, std::string> ensure_superuser(actors::Gateway& gateway, const std::string& text) {
  const auto colon = text.find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == text.size()) {
    return std::unexpected("FEDLOG_SUPERUSER must be name:password");
  }
  const auto name = text.substr(0, colon);
  if (const auto user = gateway.views().user_by_name(name)) {
    if (user->superuser) {
      warn_if_useless(gateway, *user, text.substr(colon + 1));
      return {};
    }
    return std::unexpected("FEDLOG_SUPERUSER names the user \"" + name +
                           "\", who exists and is no superuser");
  }
  actors::Registration registration;
  registration.username = name;
  registration.password = text.substr(colon + 1);
  registration.superuser = true;
  if (auto registered = gateway.register_user(registration, "start"); !registered) {
    return std::unexpected("the superuser cannot be created: " + registered.error().message);
  }
  spdlog::info("superuser created name={}", name);
  return {};
}

}  // namespace fedlog::tools
