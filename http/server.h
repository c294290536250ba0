#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "http/tls.h"

namespace fedlog::http {

struct ServerOptions {
  std::string host = "127.0.0.1";
  // 0: any free port; see Server::port().
  int port = 8000;
  // Without: plain HTTP.
  std::optional<TlsFiles> tls = {};
  // Addresses and networks (CIDR) whose X-Forwarded-For and X-Forwarded-Proto are believed. They may have as
  // many connections as they like.
  std::vector<std::string> trusted_proxies = {};
  // Patterns (config::is_host_pattern) that a request's Host has to fit. A request without one, as HTTP/1.0
  // has it, fits.
  std::vector<std::string> allowed_hosts = {"*"};

  std::size_t threads_max = 64;
  // Of the threads, how many may wait for the bodies of requests; and half of these for those of one client
  // address. At least one.
  std::size_t upload_threads_max = 48;
  std::size_t connections_max = 10'000;
  std::size_t connections_per_address_max = 10'000;
  std::size_t header_bytes_max = 32 * 1024;
  std::size_t header_fields_max = 100;
  std::uint64_t body_bytes_max = 2ULL * 1024 * 1024 * 1024;
  // So much of a body is collected before a thread is taken for its request.
  std::size_t collected_body_bytes_max = 64 * 1024;
  // What answers may take in memory, all together, while their clients do not read them; one more is cut off.
  std::size_t unsent_bytes_max = 256 * 1024 * 1024;

  // From a connection's start to its first byte.
  int first_byte_timeout_ms = 30'000;
  // From a request's first byte to the end of its head; and for a TLS handshake.
  int header_timeout_ms = 10'000;
  // Between two arrivals of body bytes, and between two departures of answer bytes.
  int body_timeout_ms = 30'000;
  int write_timeout_ms = 30'000;
  // A body or an answer that stays under this rate, after the time-out above has passed, ends the connection.
  std::uint64_t bytes_per_second_min = 1024;
  int keep_alive_idle_ms = 75'000;
  // A connection that we end is read on, and what comes is dropped, so that a client that is still sending
  // can read its answer: until it closes, or pauses so long, but no longer than that in all.
  int linger_pause_ms = 2'000;
  int linger_ms = 30'000;
  // How long stop() lets running requests go on before their connections are cut.
  int stop_timeout_ms = 10'000;
};

struct AccessRecord {
  // Empty method and path: the head could not be read.
  std::string_view method;
  std::string_view path;
  int status;
  std::uint64_t duration_us;
  std::uint64_t bytes_in;
  std::uint64_t bytes_out;
  std::string_view remote_address;
  std::string_view request_id;
};

// All are called from many threads at once and must not throw (a handler may).
struct ServerCallbacks {
  std::function<void(const Request&, BodyReader&, Response&)> handle;
  std::function<void(const AccessRecord&)> on_access = {};
  // A handler threw; `what` is for the log only, the client gets a bare 500.
  std::function<void(const Request&, std::string_view what)> on_exception = {};
  // stop() has waited for as long as it lets requests go on, and handlers still run: what they wait for,
  // other than their clients, should end now. Once, from the thread that stops.
  std::function<void()> on_cut = {};
};

// An HTTP/1.1 server. One thread accepts, keeps idle connections and those whose answers are deferred, reads
// request heads and small bodies and sends what clients did not take at once, all without blocking, so that
// slow, idle and waiting clients cost no thread; a pool that grows on demand serves one request at a time,
// client addresses in turn. The constructor listens (and throws std::runtime_error if it cannot, for one
// because the port is taken, or the certificate is bad).
class Server {
 public:
  Server(ServerOptions options, ServerCallbacks callbacks);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Stops.
  ~Server();

  // Stops accepting, closes idle connections, completes deferred answers, lets running requests finish (no
  // longer than stop_timeout_ms, then cuts their connections), and returns when no handler runs any more.
  // Idempotent; not from a handler.
  void stop();

  // Reads the TLS files again: new connections get the new certificate. An error says what is wrong with
  // them, and the old one stays. Nothing happens without TLS. Any thread.
  [[nodiscard]] std::expected<void, std::string> reload_certificate();

  [[nodiscard]] int port() const;

  struct Statistics {
    std::size_t connections;
    std::size_t threads;
    std::uint64_t requests;
    std::uint64_t refused_connections;
  };
  [[nodiscard]] Statistics statistics() const;

 private:
  class Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace fedlog::http
