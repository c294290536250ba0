#include "config/keys.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <type_traits>
#include <utility>

#include "config/network.h"

namespace fedlog::config {
namespace {

// The names of an enum's values, in their order.
template <typename Enum>
constexpr std::array<std::string_view, 0> names_of{};
template <>
constexpr std::array<std::string_view, 2> names_of<Registration>{"open", "closed"};
template <>
constexpr std::array<std::string_view, 2> names_of<ModelAccess>{"members", "open"};
template <>
constexpr std::array<std::string_view, 2> names_of<OnUnreachable>{"remove", "error"};
template <>
constexpr std::array<std::string_view, 2> names_of<OnDeadline>{"continue", "error"};
template <>
constexpr std::array<std::string_view, 6> names_of<LogLevel>{"trace", "debug", "info",
                                                             "warn",  "error", "off"};
template <>
constexpr std::array<std::string_view, 2> names_of<LogFormat>{"text", "json"};

template <auto Section, auto Member>
Key key(std::string_view name, Range range, std::string_view documentation) {
  using Type = std::remove_cvref_t<decltype((std::declval<const Settings&>().*Section).*Member)>;
  Key result{.name = name, .documentation = documentation, .range = range};
  if constexpr (std::is_enum_v<Type>) {
    result.choices.assign(names_of<Type>.begin(), names_of<Type>.end());
    result.get = [](const Settings& settings) {
      return Value(std::string(names_of<Type>.at(static_cast<std::size_t>((settings.*Section).*Member))));
    };
    result.set = [](Settings& settings, const Value& value) {
      const auto found = std::ranges::find(names_of<Type>, std::get<std::string>(value));
      (settings.*Section).*Member = static_cast<Type>(found - names_of<Type>.begin());
    };
  } else {
    result.get = [](const Settings& settings) { return Value((settings.*Section).*Member); };
    result.set = [](Settings& settings, const Value& value) {
      (settings.*Section).*Member = std::get<Type>(value);
    };
  }
  return result;
}

template <auto Section, auto Member>
Key key(std::string_view name, std::string_view documentation) {
  return key<Section, Member>(name, Range{}, documentation);
}

Key with_form(Key key, std::string_view form, bool (*has_form)(std::string_view)) {
  key.form = form;
  key.has_form = has_form;
  return key;
}

constexpr std::string_view network_form = "addresses and networks in CIDR notation";

bool is_network(std::string_view text) {
  return parse_network(text).has_value();
}

constexpr std::int64_t day_ms = 24LL * 60 * 60 * 1000;
constexpr std::int64_t day_s = 24LL * 60 * 60;
constexpr std::int64_t gibibyte = 1024LL * 1024 * 1024;

std::vector<Key> make_keys() {
  using S = Settings;
  return {
      with_form(key<&S::server, &Server::listen>("server.listen",
                                                 "Where the API is served, as HOST:PORT. An IPv6 host stands "
                                                 "in brackets; port 0 takes a free one."),
                "HOST:PORT", [](std::string_view text) { return parse_listen_address(text).has_value(); }),
      with_form(
          key<&S::server, &Server::trusted_proxies>(
              "server.trusted_proxies",
              "Proxies in front of the server, such as \"10.0.0.0/8\" or \"127.0.0.1\". Of requests that "
              "come from them, X-Forwarded-For says who asks and X-Forwarded-Proto by which scheme; "
              "nobody else is believed."),
          network_form, is_network),
      with_form(key<&S::server, &Server::allowed_hosts>(
                    "server.allowed_hosts",
                    "Names and addresses by which clients may call the server (their Host header, without "
                    "the port), such as \"fl.example.org\", or \".example.org\" for the name and all below "
                    "it; \"*\" is all. Another one is answered with 400. Links in answers repeat the name."),
                "names or addresses without a port, an IPv6 address in brackets; or *", is_host_pattern),
      key<&S::server, &Server::threads_max>(
          "server.threads_max", {2, 4096},
          "Threads that handle requests, at most, beside those that wait for a model worker. An idle or slow "
          "connection holds none, except while a large body is received."),
      key<&S::server, &Server::upload_threads_percent>(
          "server.upload_threads_percent", {1, 90},
          "How many of these threads, in percent, may receive large bodies; and half of that for one client "
          "address (of IPv6: one /64 network)."),
      key<&S::server, &Server::connections_max>(
          "server.connections_max", {1, 1'000'000},
          "Open connections, at most; one more is answered with 503 and closed."),
      key<&S::server, &Server::connections_per_address_max>(
          "server.connections_per_address_max", {1, 1'000'000},
          "Open connections of one client address (of IPv6: one /64 network), at most; one more is answered "
          "with 429 and closed. Trusted proxies have no such limit."),
      key<&S::server, &Server::header_bytes_max>("server.header_bytes_max", {1024, 1024 * 1024},
                                                 "Size of a request's line and headers together, at most."),
      key<&S::server, &Server::header_fields_max>("server.header_fields_max", {10, 10'000},
                                                  "Header fields of a request, at most."),
      key<&S::server, &Server::collected_body_bytes_max>("server.collected_body_bytes_max",
                                                         {1024, 16 * 1024 * 1024},
                                                         "So much of a request's body is collected before a "
                                                         "thread is taken. A connection may hold that much "
                                                         "memory, and its headers'."),
      key<&S::server, &Server::unsent_bytes_max>("server.unsent_bytes_max", {1024 * 1024, 64 * gibibyte},
                                                 "What answers may take in memory, all together, while their "
                                                 "clients are slow to read them; one more "
                                                 "is cut off. Files are not kept in memory."),
      key<&S::server, &Server::first_byte_timeout_ms>(
          "server.first_byte_timeout_ms", {10, day_ms},
          "How long a new connection may take to send its first byte."),
      key<&S::server, &Server::header_timeout_ms>(
          "server.header_timeout_ms", {10, day_ms},
          "How long a client may take to send a request's headers, and how long a TLS handshake may take."),
      key<&S::server, &Server::body_timeout_ms>("server.body_timeout_ms", {10, day_ms},
                                                "How long a client may pause within a request's body."),
      key<&S::server, &Server::write_timeout_ms>("server.write_timeout_ms", {10, day_ms},
                                                 "How long a client may pause in reading an answer."),
      key<&S::server, &Server::bytes_per_second_min>(
          "server.bytes_per_second_min", {1, gibibyte},
          "Bodies and answers that go on more slowly, after a pause as above, end the connection."),
      key<&S::server, &Server::keep_alive_idle_s>("server.keep_alive_idle_s", {1, day_s},
                                                  "How long a connection without a request is kept open."),
      key<&S::server, &Server::development>(
          "server.development",
          "Offers /api/dummy/, which gives everyone who asks a user and a completed training to look at. For "
          "developers of clients, on data that nobody needs."),
      key<&S::server, &Server::api_pages>(
          "server.api_pages",
          "Folder with the files of Swagger UI and ReDoc (tools/fetch-api-pages FOLDER gets them). Empty: "
          "the "
          "folder api-pages in the data folder. Without the files, the API's pages are the server's own."),

      key<&S::tls, &Tls::certificate>(
          "tls.certificate",
          "File with the server's certificate in PEM form, followed by those between it and the authority. "
          "Empty: plain HTTP. SIGHUP makes the server read both files again."),
      key<&S::tls, &Tls::key>("tls.key",
                              "File with the certificate's private key in PEM form, without a password."),

      key<&S::limits, &Limits::json_bytes_max>(
          "limits.json_bytes_max", {1024, gibibyte},
          "Size of a JSON body, at most; a larger one is answered with 413. Those of inferences have a limit "
          "of their own."),
      key<&S::limits, &Limits::json_values_max>(
          "limits.json_values_max", {100, 1'000'000'000},
          "Values (numbers, texts, lists, objects) in a JSON body, at most; those within others count too."),
      key<&S::limits, &Limits::inference_bytes_max>(
          "limits.inference_bytes_max", {1024, gibibyte},
          "The same as json_bytes_max, of an inference; also the size of a file with its input."),
      key<&S::limits, &Limits::inference_values_max>("limits.inference_values_max", {100, 1'000'000'000},
                                                     "The same as json_values_max, of an inference."),
      key<&S::limits, &Limits::form_bytes_max>(
          "limits.form_bytes_max", {1024, gibibyte},
          "Size of a form's fields together, its files not counted, at most."),
      key<&S::limits, &Limits::form_fields_max>("limits.form_fields_max", {10, 1'000'000},
                                                "Fields of a form, its files not counted, at most."),
      key<&S::limits, &Limits::model_bytes_max>("limits.model_bytes_max", {1024, 1024 * gibibyte},
                                                "Size of one uploaded file, at most."),
      key<&S::limits, &Limits::json_depth_max>("limits.json_depth_max", {4, 1000},
                                               "How deep lists and objects may nest in a JSON body."),
      key<&S::limits, &Limits::list_bytes_max>(
          "limits.list_bytes_max", {1024, 16 * gibibyte},
          "Size of a list in one answer, at most; of a longer one callers must ask for pages."),
      key<&S::limits, &Limits::list_memory_bytes_max>(
          "limits.list_memory_bytes_max", {2048, 64 * gibibyte},
          "Memory that lists take while they are written, all together, the first MiB of each not counted; "
          "one "
          "more is answered with 503. At least twice list_bytes_max, which one list can take."),
      key<&S::limits, &Limits::requests_per_minute_per_user>(
          "limits.requests_per_minute_per_user", {0, 1'000'000'000},
          "Requests of one user, so many at once and as many again spread over each minute; one more is "
          "answered with 429. 0 is no limit."),

      with_form(key<&S::cors, &Cors::allowed_origins>("cors.allowed_origins",
                                                      "Origins whose pages may call the API from a browser, "
                                                      "such as \"https://example.org\"; \"*\" is all."),
                "origins such as https://example.org, without a path, in small letters; or *", is_origin),

      key<&S::accounts, &Accounts::registration>(
          "accounts.registration",
          "Who may create users: anyone (\"open\"), or superusers only (\"closed\")."),
      key<&S::accounts, &Accounts::password_hash_memory_kib>(
          "accounts.password_hash_memory_kib", {8, 4 * 1024 * 1024},
          "Memory that hashing one password with Argon2id takes."),
      key<&S::accounts, &Accounts::password_hash_passes>("accounts.password_hash_passes", {1, 100},
                                                         "Passes of Argon2id over that memory."),
      key<&S::accounts, &Accounts::password_hash_threads>(
          "accounts.password_hash_threads", {1, 256},
          "Passwords that are hashed at the same time, at most; others wait. A flood of wrong passwords "
          "takes no more."),
      key<&S::accounts, &Accounts::password_queue_max>(
          "accounts.password_queue_max", {0, 4096},
          "Requests that wait for a password to be hashed, at most; one more is answered with 503. Together "
          "with those that are hashed they never are more than half of server.threads_max."),
      key<&S::accounts, &Accounts::credential_cache_s>(
          "accounts.credential_cache_s", {0, day_s},
          "How long a password that was found right is remembered after its last use (in memory, under a "
          "keyed hash); 0 is never."),
      key<&S::accounts, &Accounts::wrong_passwords_per_minute_per_address>(
          "accounts.wrong_passwords_per_minute_per_address", {0, 1'000'000},
          "Wrong passwords that one address (of IPv6: one /64 network) may try in a minute before further "
          "ones are answered with 429 and wait behind others' passwords. They are checked nevertheless, and "
          "a right one is accepted. 0 is no limit."),
      key<&S::accounts, &Accounts::wrong_passwords_per_minute_per_user>(
          "accounts.wrong_passwords_per_minute_per_user", {0, 1'000'000},
          "The same of one user name, from wherever."),

      key<&S::models, &Models::access>("models.access",
                                       "Who may read and run a model: its owner and its training's members "
                                       "(\"members\"), or every user (\"open\")."),
      key<&S::models, &Models::require_finite_updates>("models.require_finite_updates",
                                                       "Refuse an update that contains NaN or an infinity."),

      key<&S::notifications, &Notifications::connect_timeout_ms>(
          "notifications.connect_timeout_ms", {10, day_ms},
          "How long a receiver may take to accept a connection, and again as long for the TLS handshake."),
      key<&S::notifications, &Notifications::read_timeout_ms>(
          "notifications.read_timeout_ms", {10, day_ms},
          "How long a receiver may pause before and within its answer."),
      key<&S::notifications, &Notifications::total_timeout_ms>(
          "notifications.total_timeout_ms", {10, day_ms},
          "How long one attempt to deliver may take from its start to the end of the answer's headers."),
      key<&S::notifications, &Notifications::retry_span_s>(
          "notifications.retry_span_s", {0, 30 * day_s},
          "How long a delivery is tried again before its receiver counts as unreachable. To whoever has not "
          "answered for that long already, the next notification is tried once."),
      key<&S::notifications, &Notifications::retry_first_ms>(
          "notifications.retry_first_ms", {1, day_ms},
          "Pause before the first repetition; each further one doubles."),
      key<&S::notifications, &Notifications::retry_max_ms>("notifications.retry_max_ms", {1, day_ms},
                                                           "Pause between two repetitions, at most."),
      key<&S::notifications, &Notifications::concurrency>("notifications.concurrency", {1, 4096},
                                                          "Deliveries under way at the same time, at most. "
                                                          "Of receivers that did not answer lately, half as "
                                                          "many."),
      key<&S::notifications, &Notifications::concurrency_per_receiver>(
          "notifications.concurrency_per_receiver", {1, 4096},
          "Of those, deliveries to one receiver, at most. Of one training it never is more than one."),
      key<&S::notifications, &Notifications::poll_span_s>(
          "notifications.poll_span_s", {1, 365 * day_s},
          "How long a receiver without an endpoint, which asks for its notifications itself, may leave one "
          "waiting before it counts as unreachable."),
      with_form(key<&S::notifications, &Notifications::allowed_networks>(
                    "notifications.allowed_networks",
                    "Where notifications may be posted to, such as \"192.0.2.0/24\": it is the address that "
                    "counts, also where the endpoint has a name. Empty: everywhere."),
                network_form, is_network),
      with_form(
          key<&S::notifications, &Notifications::denied_networks>(
              "notifications.denied_networks",
              "Where notifications are never posted to, even if it is allowed above. A receiver there counts "
              "as unreachable at once. Servers whose users are not trusted should add the networks that only "
              "the server itself can reach."),
          network_form, is_network),
      key<&S::notifications, &Notifications::on_unreachable>(
          "notifications.on_unreachable",
          "What an unreachable participant means for its training: it goes on without (\"remove\"), or ends "
          "in state E "
          "(\"error\")."),

      key<&S::notifications, &Notifications::waits_max>(
          "notifications.waits_max", {0, 1'000'000},
          "Requests for notifications (GET /api/users/notifications/) that wait at the same time, at most; "
          "one more is answered at once. Each holds a connection, but no thread."),

      key<&S::worker, &Worker::path>("worker.path",
                                     "The program that executes models; empty: fedlog-model-worker beside "
                                     "the server, else in ../libexec/fedlog/."),
      key<&S::worker, &Worker::slots>("worker.slots", {1, 256},
                                      "Workers that run at the same time, at most."),
      key<&S::worker, &Worker::spares>(
          "worker.spares", {0, 256},
          "Workers that are kept beside them, at most, for model owners whose last prediction was a moment "
          "ago: a worker has models of one owner only, and starting one takes a second. They cost memory."),
      key<&S::worker, &Worker::memory_limit_mib>(
          "worker.memory_limit_mib", {512, 1024 * 1024},
          "Memory that one worker may take; one that wants more is ended."),
      key<&S::worker, &Worker::deadline_ms>("worker.deadline_ms", {100, day_ms},
                                            "How long one request may take in a worker before it is ended."),
      key<&S::worker, &Worker::queue_limit>(
          "worker.queue_limit", {1, 1'000'000},
          "Requests that wait for a worker, at most; one more is answered with 503, or takes the place of a "
          "user's who has more of them waiting. Each holds a thread: no more than server.threads_max wait."),
      key<&S::worker, &Worker::queue_limit_per_user>(
          "worker.queue_limit_per_user", {1, 1'000'000},
          "Of those, requests of one user, at most; one more is answered with 429."),
      key<&S::worker, &Worker::queue_limit_per_model>("worker.queue_limit_per_model", {1, 1'000'000},
                                                      "Of those, requests for one model, at most; one more "
                                                      "is treated as one more of worker.queue_limit."),
      key<&S::worker, &Worker::idle_exit_s>("worker.idle_exit_s", {1, day_s},
                                            "How long a worker without a request is kept."),
      key<&S::worker, &Worker::model_cache_mib>("worker.model_cache_mib", {0, 1024 * 1024},
                                                "Size of the models that one worker keeps loaded, at most."),

      key<&S::storage, &Storage::wal_bytes_max>(
          "storage.wal_bytes_max", {1024 * 1024, 64 * gibibyte},
          "Size of the write-ahead log, at most; a smaller one makes the start after a crash faster."),
      key<&S::storage, &Storage::group_commit_events_max>(
          "storage.group_commit_events_max", {1, 100'000},
          "Events that are made durable with one sync, at most."),

      key<&S::aggregation, &Aggregation::threads>(
          "aggregation.threads", {1, 256},
          "Threads that aggregate a round; the result does not depend on it."),

      key<&S::trainings, &Trainings::round_deadline_s>(
          "trainings.round_deadline_s", {0, 365 * day_s},
          "How long a round waits for updates, and a SWAG round for moments, where a training's options do "
          "not "
          "say it. 0 is for ever; who cannot be reached or refuses holds nothing up even so."),
      key<&S::trainings, &Trainings::test_deadline_s>("trainings.test_deadline_s", {0, 365 * day_s},
                                                      "How long a test waits for the participants' metrics, "
                                                      "likewise. It then goes on with those that are "
                                                      "there."),
      with_form(key<&S::trainings, &Trainings::min_updates>(
                    "trainings.min_updates",
                    "How many updates must be there when a round's deadline comes, likewise. \"1.0\" is all, "
                    "\"0.5\" half of the participants, \"1\" one update."),
                "a whole number from 1 to 2000, or a fraction such as \"0.5\", in quotes",
                [](std::string_view text) { return parse_min_updates(text).has_value(); }),
      key<&S::trainings, &Trainings::on_deadline>(
          "trainings.on_deadline",
          "What a deadline that comes while updates are missing means, likewise: the training goes on with "
          "those that are there, if they are enough (\"continue\"), or ends in state E (\"error\")."),
      key<&S::trainings, &Trainings::max_rounds_without_quorum>(
          "trainings.max_rounds_without_quorum", {0, 1'000'000},
          "How many deadlines in a row may pass without enough updates, likewise. So often the round waits "
          "once more; then the training ends in state E."),
      key<&S::trainings, &Trainings::idle_passivate_s>(
          "trainings.idle_passivate_s", {1, 30 * day_s},
          "How long an idle training stays in memory; it comes back from its events at the next request."),

      key<&S::log, &Log::level>("log.level", "The least level that is logged."),
      key<&S::log, &Log::format>("log.format", "One line of text, or one JSON object, for each entry."),
  };
}

}  // namespace

std::span<const Key> keys() {
  static const std::vector<Key> table = make_keys();
  return table;
}

std::string allowed(const Key& key) {
  const Value value = key.get(Settings{});
  if (std::holds_alternative<bool>(value)) return "true or false";
  if (std::holds_alternative<std::int64_t>(value)) {
    return "a whole number from " + std::to_string(key.range.min) + " to " + std::to_string(key.range.max);
  }
  if (std::holds_alternative<std::vector<std::string>>(value)) {
    return "a list of " + std::string(key.form.empty() ? "texts" : key.form);
  }
  if (key.choices.empty()) return std::string(key.form.empty() ? "a text" : key.form);
  std::string text;
  for (const std::string_view choice : key.choices) {
    if (!text.empty()) text += choice == key.choices.back() ? " or " : ", ";
    text += '"' + std::string(choice) + '"';
  }
  return text;
}

std::string variable_name(std::string_view key) {
  std::string name = "FEDLOG_";
  for (const char letter : key) {
    if (letter == '.') {
      name += "__";
    } else {
      name += static_cast<char>(std::toupper(static_cast<unsigned char>(letter)));
    }
  }
  return name;
}

}  // namespace fedlog::config
