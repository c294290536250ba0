#pragma once

#include <expected>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "http/file_descriptor.h"
#include "http/tls.h"
#include "http/transport.h"

namespace fedlog::http {

// Makes the transports of new connections: plain ones, or with the certificate that was read last. Any
// thread.
class Transports {
 public:
  // Throws std::runtime_error that says what is wrong with the files.
  explicit Transports(std::optional<TlsFiles> files);

  [[nodiscard]] std::unique_ptr<Transport> make(FileDescriptor socket) const;

  // Reads the files again. After an error the certificate is the one before.
  [[nodiscard]] std::expected<void, std::string> reload();

 private:
  const std::optional<TlsFiles> files_;
  mutable std::mutex mutex_;
  std::shared_ptr<const TlsContext> tls_;
};

}  // namespace fedlog::http
