#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>

#include "http/answer.h"
#include "http/chunk_walk.h"
#include "http/compression.h"
#include "http/connection.h"
#include "http/forwarded.h"
#include "http/request_head.h"
#include "http/server.h"

namespace fedlog::http {

// One request and its answer.
struct Exchange {
  Exchange() = default;
  // One that starts with the connection's next input.
  explicit Exchange(const Connection& connection)
      : received_before(connection.bytes_received() - connection.input().size()),
        sent_before(connection.bytes_sent()) {}

  RequestHead head;
  // An answer that waits for something.
  std::optional<Response> deferred;
  Answer answer;
  // When the head was whole.
  std::chrono::steady_clock::time_point started = std::chrono::steady_clock::now();
  // The connection's counts when the request began.
  std::uint64_t received_before = 0;
  std::uint64_t sent_before = 0;
  // How far a chunked body that is being collected was looked at.
  ChunkWalk chunks;
  std::size_t walked_bytes = 0;
  // Whether, as far as the request goes, another one may follow.
  bool may_be_followed = false;
};

// What happens to a request between its bytes and its answer's. One for all connections; any thread.
class Exchanges {
 public:
  Exchanges(const ServerOptions& options, const ServerCallbacks& callbacks);

  // Takes a whole head of `head_bytes` off the connection's input and reads it strictly; a Host that is
  // none, or not allowed, is refused.
  [[nodiscard]] std::expected<void, HeadError> begin(Connection& connection, Exchange& exchange,
                                                     std::size_t head_bytes) const;

  // Is the body there, as far as the handler may wait for it?
  enum class Body {
    collected,   // none, or all of it, or so broken that nobody will wait for the rest
    to_collect,  // wait until all of it, or what may be collected of a large one, is in the connection's
                 // input
    to_be_read,  // it is large and coming, or the client waits to be asked for it: the handler reads it
  };
  [[nodiscard]] Body look_for_body(const Connection& connection, Exchange& exchange) const;

  // Calls the handler; then the exchange has an answer, or a deferred one. With `stopping` the answer ends
  // the connection.
  void serve(Connection& connection, Exchange& exchange, const std::atomic<bool>& stopping);
  // Completes a deferred answer.
  void complete(Exchange& exchange, const std::atomic<bool>& stopping);

  // The answer to what cannot be served, for which nothing more is read; the connection ends with it.
  void refuse(Connection& connection, Exchange& exchange, const HeadError& error) const;

  // The answer is out, or given up.
  void log(const Connection& connection, const Exchange& exchange) const;

  [[nodiscard]] const TrustedProxies& trusted_proxies() const { return trusted_proxies_; }

 private:
  // Calls `fill`, and sees to it that the response can be sent.
  void fill_in(const Exchange& exchange, Response& response, FileDescriptor& file,
               const std::function<void(Response&)>& fill);
  void write_answer(Exchange& exchange, Response response, FileDescriptor file, bool stopping) const;

  [[nodiscard]] std::expected<void, HeadError> check_host(const Request& request) const;

  const ServerOptions& options_;
  const ServerCallbacks& callbacks_;
  const TrustedProxies trusted_proxies_;
  const AnswerWriter writer_;
  Compression compression_;
};

}  // namespace fedlog::http
