#pragma once

#include <atomic>
#include <memory>

#include "http/connection.h"
#include "http/request_head.h"
#include "http/server.h"

namespace fedlog::http {

// Serves one request at a time of a connection: reads its head strictly, calls the handler, and lets
// cpp-httplib write the answer. The head that cpp-httplib sees is our own ("GET / HTTP/1.1"), never the
// client's: its own reading decodes header values, refuses unknown methods before routing, applies ranges and
// compresses by itself, and delimits chunks loosely. One for all connections; serve() is called from many
// threads at once.
class Exchanges {
 public:
  Exchanges(const ServerOptions& options, const ServerCallbacks& callbacks);
  ~Exchanges();

  enum class After {
    keep,   // the next request may follow
    close,  // the answer is out, or cannot be sent
  };
  // The connection's input starts with a whole head of `head_bytes`. With `last` the answer ends the
  // connection.
  [[nodiscard]] After serve(Connection& connection, std::size_t head_bytes,
                            const std::atomic<bool>& stopping) const;

  // Answers what is no request, without waiting for the client.
  void refuse_now(Connection& connection, const HeadError& error) const;

 private:
  class Writer;
  const ServerOptions& options_;
  const ServerCallbacks& callbacks_;
  std::unique_ptr<Writer> writer_;
};

}  // namespace fedlog::http
