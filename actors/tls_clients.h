#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <mutex>
#include <string>

namespace fedlog::actors {

// What all TLS connections to receivers share: the authorities, and the demand for a valid certificate.
// Reading the system's authorities takes a tenth of a second, so that waits for the first connection. Any
// thread.
class TlsClients {
 public:
  struct Free {
    void operator()(SSL* connection) const { SSL_free(connection); }
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  using Connection = std::unique_ptr<SSL, Free>;

  // A PEM file; empty: the system's authorities. Throws std::runtime_error where it cannot be read.
  explicit TlsClients(std::string authorities_file);

  // A connection, not connected yet, that only takes a certificate for this name or address; null where
  // OpenSSL takes it for neither.
  [[nodiscard]] Connection connection_to(std::string host) const;

 private:
  [[nodiscard]] SSL_CTX* context() const;

  std::string authorities_file_;
  mutable std::once_flag made_;
  mutable std::unique_ptr<SSL_CTX, Free> context_;
};

}  // namespace fedlog::actors
