#include "http/tls.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

namespace fedlog::http {

namespace {

// One TLS record's worth.
constexpr std::size_t file_piece_bytes = 16 * 1024;

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* pointer) const {
    Free(pointer);
  }
};
using Ssl = std::unique_ptr<SSL, Deleter<&SSL_free>>;
using SslContext = std::unique_ptr<SSL_CTX, Deleter<&SSL_CTX_free>>;
using Bio = std::unique_ptr<BIO, Deleter<&BIO_free>>;
using Certificate = std::unique_ptr<X509, Deleter<&X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Deleter<&EVP_PKEY_free>>;

// OpenSSL's own socket BIO raises SIGPIPE when the client is gone; this one does not.
int bio_fd(BIO* bio) {
  return static_cast<const FileDescriptor*>(BIO_get_data(bio))->get();
}

int finished(BIO* bio, ssize_t result, bool writes) {
  BIO_clear_retry_flags(bio);
  if (result < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
    writes ? BIO_set_retry_write(bio) : BIO_set_retry_read(bio);
  }
  return static_cast<int>(result);
}

int bio_write(BIO* bio, const char* data, int size) {
  return finished(bio, ::send(bio_fd(bio), data, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT),
                  true);
}

int bio_read(BIO* bio, char* data, int size) {
  return finished(bio, ::recv(bio_fd(bio), data, static_cast<std::size_t>(size), MSG_DONTWAIT), false);
}

long bio_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

const BIO_METHOD* bio_method() {
  static const BIO_METHOD* const method = [] {
    auto* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without signals");
    BIO_meth_set_write(made, bio_write);
    BIO_meth_set_read(made, bio_read);
    BIO_meth_set_ctrl(made, bio_control);
    return made;
  }();
  return method;
}

class TlsTransport final : public Transport {
 public:
  TlsTransport(FileDescriptor socket, Ssl ssl) : socket_(std::move(socket)), ssl_(std::move(ssl)) {
    BIO_set_data(SSL_get_rbio(ssl_.get()), &socket_);
  }

  [[nodiscard]] int fd() const override { return socket_.get(); }
  [[nodiscard]] std::string_view scheme() const override { return "https"; }

  [[nodiscard]] Outcome shake_hands() override {
    ERR_clear_error();
    const auto outcome = outcome_of(SSL_accept(ssl_.get()));
    ready_ = outcome == Outcome::moved;
    return outcome;
  }
  [[nodiscard]] Moved receive(std::span<char> buffer) override {
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &count);
    return {outcome_of(result), count};
  }
  [[nodiscard]] Moved send(std::string_view bytes) override {
    ERR_clear_error();
    std::size_t count = 0;
    const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &count);
    return {outcome_of(result), count};
  }
  [[nodiscard]] Moved send_file(int file, std::uint64_t offset_bytes, std::size_t size_bytes) override {
    std::array<char, file_piece_bytes> piece;
    const auto count =
        ::pread(file, piece.data(), std::min(piece.size(), size_bytes), static_cast<off_t>(offset_bytes));
    if (count <= 0) return {Outcome::closed};
    return send({piece.data(), static_cast<std::size_t>(count)});
  }
  [[nodiscard]] bool has_buffered_input() const override { return SSL_has_pending(ssl_.get()) == 1; }
  void finish_sending() override {
    ERR_clear_error();
    if (ready_) SSL_shutdown(ssl_.get());
    ::shutdown(fd(), SHUT_WR);
  }

 private:
  Outcome outcome_of(int result) {
    switch (SSL_get_error(ssl_.get(), result)) {
      case SSL_ERROR_NONE:
        return Outcome::moved;
      case SSL_ERROR_WANT_READ:
        return Outcome::wants_input;
      case SSL_ERROR_WANT_WRITE:
        return Outcome::wants_output;
      default:
        // After a fatal error nothing may be sent, not even a goodbye.
        ready_ = false;
        return Outcome::closed;
    }
  }

  FileDescriptor socket_;
  Ssl ssl_;
  bool ready_ = false;
};

std::expected<std::string, std::string> content_of(std::string_view setting,
                                                   const std::filesystem::path& file) {
  errno = 0;
  std::ifstream stream{file, std::ios::binary};
  std::ostringstream content;
  if (!stream || !(content << stream.rdbuf())) {
    const int error = errno;
    return std::unexpected(std::string{setting} + ": cannot read " + file.string() + ": " +
                           (error == 0 ? "it is empty" : std::strerror(error)));
  }
  return content.str();
}

Bio memory_bio(const std::string& content) {
  return Bio{
      BIO_new_mem_buf(content.data(), static_cast<int>(std::min<std::size_t>(content.size(), INT_MAX)))};
}

// The server cannot ask anybody for the password of a key.
int no_password(char*, int, int, void*) {
  return -1;
}

std::expected<std::vector<Certificate>, std::string> read_certificates(const std::filesystem::path& file) {
  const auto content = content_of("tls.certificate", file);
  if (!content) return std::unexpected(content.error());
  const auto bio = memory_bio(*content);
  std::vector<Certificate> chain;
  while (auto* certificate = PEM_read_bio_X509(bio.get(), nullptr, no_password, nullptr)) {
    chain.emplace_back(certificate);
  }
  if (chain.empty() || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return std::unexpected("tls.certificate: " + file.string() +
                           " must hold a certificate in PEM form (-----BEGIN CERTIFICATE-----), and nothing "
                           "broken behind it");
  }
  return chain;
}

std::expected<Key, std::string> read_key(const std::filesystem::path& file) {
  const auto content = content_of("tls.key", file);
  if (!content) return std::unexpected(content.error());
  const auto bio = memory_bio(*content);
  Key key{PEM_read_bio_PrivateKey(bio.get(), nullptr, no_password, nullptr)};
  if (!key) {
    const bool encrypted = content->contains("ENCRYPTED");
    return std::unexpected("tls.key: " + file.string() +
                           (encrypted
                                ? " is protected by a password; store it without one, readable only for "
                                  "the server"
                                : " must hold a private key in PEM form (-----BEGIN PRIVATE KEY-----)"));
  }
  return key;
}

// We speak HTTP/1.1; a client that wants only other protocols goes on without an agreement.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  static constexpr std::array<unsigned char, 9> ours{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, chosen_size, ours.data(), ours.size(), offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *chosen = selected;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

class TlsContext::Implementation {
 public:
  explicit Implementation(SslContext context) : context_(std::move(context)) {}
  [[nodiscard]] SSL_CTX* get() const { return context_.get(); }

 private:
  SslContext context_;
};

TlsContext::TlsContext(std::unique_ptr<Implementation> implementation)
    : implementation_(std::move(implementation)) {}

TlsContext::~TlsContext() = default;

std::expected<std::shared_ptr<const TlsContext>, std::string> TlsContext::load(const TlsFiles& files) {
  ERR_clear_error();
  const auto chain = read_certificates(files.certificate);
  if (!chain) return std::unexpected(chain.error());
  const auto key = read_key(files.key);
  if (!key) return std::unexpected(key.error());
  if (X509_check_private_key(chain->front().get(), key->get()) != 1) {
    return std::unexpected("tls.key: " + files.key.string() + " is not the key of the first certificate in " +
                           files.certificate.string() + " (tls.certificate)");
  }

  SslContext context{SSL_CTX_new(TLS_server_method())};
  const auto refused = [&](const char* setting) {
    const char* reason = ERR_reason_error_string(ERR_get_error());
    return std::unexpected(std::string{setting} + ": OpenSSL refuses it: " + (reason ? reason : "no reason"));
  };
  if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(context.get(), "ECDHE+AESGCM:ECDHE+CHACHA20") != 1) {
    return refused("tls");
  }
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                         SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // An idle connection keeps no buffers; what could not be sent is sent again from another place in memory.
  SSL_CTX_set_mode(context.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                      SSL_MODE_RELEASE_BUFFERS);
  // Sessions are resumed by tickets, which cost no memory here.
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_alpn_select_cb(context.get(), choose_protocol, nullptr);
  if (SSL_CTX_use_certificate(context.get(), chain->front().get()) != 1) return refused("tls.certificate");
  for (std::size_t index = 1; index < chain->size(); ++index) {
    if (SSL_CTX_add1_chain_cert(context.get(), (*chain)[index].get()) != 1) return refused("tls.certificate");
  }
  if (SSL_CTX_use_PrivateKey(context.get(), key->get()) != 1) return refused("tls.key");
  return std::make_shared<const TlsContext>(std::make_unique<Implementation>(std::move(context)));
}

std::unique_ptr<Transport> TlsContext::transport(FileDescriptor socket) const {
  Ssl ssl{SSL_new(implementation_->get())};
  auto* bio = BIO_new(bio_method());
  if (!ssl || bio == nullptr) {
    BIO_free(bio);
    throw std::bad_alloc();
  }
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl.get(), bio, bio);
  return std::make_unique<TlsTransport>(std::move(socket), std::move(ssl));
}

}  // namespace fedlog::http
