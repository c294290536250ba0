#pragma once

#include <optional>
#include <string>

#include "http/file_descriptor.h"

namespace fedlog::http {

struct Accepted {
  FileDescriptor socket;
  std::string remote_address;
};

// A listening TCP socket that never blocks. Not thread-safe.
class Listener {
 public:
  // `host` is an address or a name; port 0 takes any free one. Throws std::runtime_error that says what to
  // do, for one if another server listens there.
  Listener(const std::string& host, int port);

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] int port() const { return port_; }

  // The next connection that waits, if any. When this process has no file descriptor left, connections that
  // wait are dropped: otherwise they would keep the listener readable for ever.
  [[nodiscard]] std::optional<Accepted> accept();
  void close() { socket_.reset(); }

 private:
  FileDescriptor socket_;
  FileDescriptor spare_;
  int port_ = 0;
};

}  // namespace fedlog::http
