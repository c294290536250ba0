#include "actors/tls_clients.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/x509v3.h>

#include <array>
#include <stdexcept>

#include "actors/receiver_connection.h"

namespace fedlog::actors {
namespace {

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

}  // namespace

TlsClients::TlsClients(std::string authorities_file) : authorities_file_(std::move(authorities_file)) {
  if (!authorities_file_.empty()) static_cast<void>(context());
}

TlsClients::Connection TlsClients::connection_to(std::string host) const {
  if (host.ends_with('.')) host.pop_back();
  Connection connection{SSL_new(context())};
  if (!connection) return connection;
  auto* const ssl = connection.get();
  const bool prepared =
      is_address(host)
          ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host.c_str()) == 1
          : SSL_set1_host(ssl, host.c_str()) == 1 && SSL_set_tlsext_host_name(ssl, host.c_str()) == 1;
  if (!prepared) connection.reset();
  return connection;
}

SSL_CTX* TlsClients::context() const {
  std::call_once(made_, [this] {
    std::unique_ptr<SSL_CTX, Free> context{SSL_CTX_new(TLS_client_method())};
    if (!context) throw std::runtime_error("OpenSSL has no TLS");
    SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    if (authorities_file_.empty()) {
      SSL_CTX_set_default_verify_paths(context.get());
    } else if (SSL_CTX_load_verify_locations(context.get(), authorities_file_.c_str(), nullptr) != 1) {
      throw std::runtime_error("no certificates of authorities can be read from " + authorities_file_);
    }
    context_ = std::move(context);
  });
  return context_.get();
}

std::shared_ptr<const TlsClients> make_tls_clients(const std::string& authorities_file) {
  return std::make_shared<const TlsClients>(authorities_file);
}

}  // namespace fedlog::actors
