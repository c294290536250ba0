#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "http/message.h"

namespace fedlog::http {

struct ServerOptions {
  std::string host = "127.0.0.1";
  // 0: any free port; see Server::port().
  int port = 8000;
  std::size_t threads_max = 64;
  std::size_t connections_max = 10'000;
  std::size_t header_bytes_max = 32 * 1024;
  std::size_t header_fields_max = 100;
  std::uint64_t body_bytes_max = 2ULL * 1024 * 1024 * 1024;
  // From a request's first byte to the end of its head.
  int header_timeout_ms = 10'000;
  // Between two arrivals of body bytes, and between two departures of answer bytes.
  int body_timeout_ms = 30'000;
  int write_timeout_ms = 30'000;
  // A body or an answer that stays under this rate, after the time-out above has passed, ends the connection.
  std::uint64_t bytes_per_second_min = 1024;
  int keep_alive_idle_ms = 75'000;
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
};

// An HTTP/1.1 server. One thread accepts, keeps idle connections and reads request heads without blocking, so
// slow and idle clients cost no thread; a pool that grows on demand serves one request at a time. The
// constructor listens (and throws std::runtime_error if it cannot, for one because the port is taken).
class Server {
 public:
  Server(ServerOptions options, ServerCallbacks callbacks);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Stops.
  ~Server();

  // Stops accepting, closes idle connections, lets running requests finish (no longer than stop_timeout_ms,
  // then cuts their connections), and returns when no handler runs any more. Idempotent; not from a handler.
  void stop();

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
