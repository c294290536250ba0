#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Everything an operator can set. A value here is always valid: load() checks ranges, choices and addresses
// before it hands them out. What each key means stands once, in keys.cpp, and from there in the sample file
// config/fedlog.toml.
namespace fedlog::config {

struct Server {
  std::string listen = "127.0.0.1:8000";
  std::vector<std::string> trusted_proxies;
  std::vector<std::string> allowed_hosts = {"*"};
  std::int64_t threads_max = 64;
  std::int64_t upload_threads_percent = 75;
  std::int64_t connections_max = 2048;
  std::int64_t connections_per_address_max = 1024;
  std::int64_t header_bytes_max = 32 * 1024;
  std::int64_t header_fields_max = 100;
  std::int64_t collected_body_bytes_max = 64 * 1024;
  std::int64_t unsent_bytes_max = 256 * 1024 * 1024;
  std::int64_t first_byte_timeout_ms = 30'000;
  std::int64_t header_timeout_ms = 10'000;
  std::int64_t body_timeout_ms = 30'000;
  std::int64_t write_timeout_ms = 30'000;
  std::int64_t bytes_per_second_min = 1024;
  std::int64_t keep_alive_idle_s = 75;
  bool development = false;
  std::string api_pages;
};

// Both empty: plain HTTP.
struct Tls {
  std::string certificate;
  std::string key;
};

struct Limits {
  std::int64_t json_bytes_max = 1024 * 1024;
  std::int64_t json_values_max = 10'000;
  std::int64_t inference_bytes_max = 16 * 1024 * 1024;
  std::int64_t inference_values_max = 4'000'000;
  std::int64_t form_bytes_max = 1024 * 1024;
  std::int64_t form_fields_max = 10'000;
  std::int64_t model_bytes_max = 2LL * 1024 * 1024 * 1024;
  std::int64_t json_depth_max = 64;
  std::int64_t list_bytes_max = 128 * 1024 * 1024;
  std::int64_t list_memory_bytes_max = 512 * 1024 * 1024;
  std::int64_t requests_per_minute_per_user = 0;
};

struct Cors {
  std::vector<std::string> allowed_origins = {"*"};
};

enum class Registration { open, closed };

struct Accounts {
  Registration registration = Registration::open;
  std::int64_t password_hash_memory_kib = 19'456;
  std::int64_t password_hash_passes = 2;
  std::int64_t password_hash_threads = 1;
  std::int64_t password_queue_max = 32;
  std::int64_t credential_cache_s = 60;
  std::int64_t wrong_passwords_per_minute_per_address = 60;
  std::int64_t wrong_passwords_per_minute_per_user = 60;
};

enum class ModelAccess { members, open };

struct Models {
  ModelAccess access = ModelAccess::members;
  bool require_finite_updates = true;
};

enum class OnUnreachable { remove, error };

struct Notifications {
  std::int64_t connect_timeout_ms = 3'000;
  std::int64_t read_timeout_ms = 30'000;
  std::int64_t total_timeout_ms = 45'000;
  std::int64_t retry_span_s = 300;
  std::int64_t retry_first_ms = 500;
  std::int64_t retry_max_ms = 30'000;
  std::int64_t concurrency = 32;
  std::int64_t concurrency_per_receiver = 2;
  std::int64_t poll_span_s = 3'600;
  std::vector<std::string> allowed_networks;
  std::vector<std::string> denied_networks = {"0.0.0.0/8",          "169.254.0.0/16", "224.0.0.0/4",
                                              "255.255.255.255/32", "::/128",         "fe80::/10",
                                              "fd00:ec2::254/128",  "ff00::/8"};
  OnUnreachable on_unreachable = OnUnreachable::remove;
  std::int64_t waits_max = 1'000;
};

struct Worker {
  std::string path;
  std::int64_t slots = 1;
  std::int64_t spares = 2;
  std::int64_t memory_limit_mib = 2'048;
  std::int64_t deadline_ms = 30'000;
  std::int64_t queue_limit = 16;
  std::int64_t queue_limit_per_user = 8;
  std::int64_t queue_limit_per_model = 8;
  std::int64_t idle_exit_s = 60;
  std::int64_t model_cache_mib = 256;
};

struct Storage {
  std::int64_t wal_bytes_max = 256 * 1024 * 1024;
  std::int64_t group_commit_events_max = 1'000;
};

struct Aggregation {
  std::int64_t threads = 2;
};

enum class OnDeadline { go_on, error };

struct Trainings {
  std::int64_t round_deadline_s = 0;
  std::int64_t test_deadline_s = 0;
  std::string min_updates = "1.0";
  OnDeadline on_deadline = OnDeadline::go_on;
  std::int64_t max_rounds_without_quorum = 0;
  std::int64_t idle_passivate_s = 300;
};

enum class LogLevel { trace, debug, info, warn, error, off };
enum class LogFormat { text, json };

struct Log {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
};

struct Settings {
  Server server;
  Tls tls;
  Limits limits;
  Cors cors;
  Accounts accounts;
  Models models;
  Notifications notifications;
  Worker worker;
  Storage storage;
  Aggregation aggregation;
  Trainings trainings;
  Log log;
};

// Texts by name: environment variables ("FEDLOG_SERVER__LISTEN") or flags (by key, "server.listen").
using Texts = std::map<std::string, std::string, std::less<>>;

// The defaults, overridden by `file`, then by `environment`, then by `flags`. Variables of `environment` that
// do not begin with FEDLOG_ or have no "__" are ignored, unless all that is wrong with one is that "_". In a
// text, a list is separated by commas. The first mistake ends the reading: its text names where it stands
// (file, line and column; variable; or flag), what is allowed, and for an unknown key the nearest.
[[nodiscard]] std::expected<Settings, std::string> load(const std::optional<std::filesystem::path>& file,
                                                        const Texts& environment, const Texts& flags);

// This process's FEDLOG_ variables, for load().
[[nodiscard]] Texts fedlog_environment();

// The sample file: every key with its documentation, range and default, each commented out.
[[nodiscard]] std::string sample();

// "HOST:PORT", with an IPv6 host in brackets ("[::1]:8000") and 0 for any free port; nullopt for all else.
struct ListenAddress {
  std::string host;  // without brackets
  std::uint16_t port = 0;
};
[[nodiscard]] std::optional<ListenAddress> parse_listen_address(std::string_view text);

// How many updates make a quorum: "3" is a count, "0.5" a fraction of the participants, "1.0" all of them;
// nullopt for all else.
struct MinUpdates {
  std::int64_t count = 0;  // 0: the fraction says it
  double fraction = 1.0;
};
[[nodiscard]] std::optional<MinUpdates> parse_min_updates(std::string_view text);

// What a browser calls an origin, "https://example.org" or "http://localhost:3000", or "*" for all.
[[nodiscard]] bool is_origin(std::string_view text);

}  // namespace fedlog::config
