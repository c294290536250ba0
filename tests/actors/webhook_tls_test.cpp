#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <thread>

#include "actors/webhook.h"
#include "tests/temporary_folder.h"

namespace fedlog::actors {
namespace {

using ::testing::HasSubstr;

constexpr IpAddress loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127, 0, 0, 1};

// A receiver behind TLS whose certificate is for some names, and signed by itself.
class ReceiversOverTls : public ::testing::Test {
 protected:
  ~ReceiversOverTls() override {
    if (server) server->stop();
    if (thread.joinable()) thread.join();
  }

  // `names` as in "DNS:receiver.test,IP:127.0.0.1".
  void listen(const std::string& names) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_EC_gen("P-256"), EVP_PKEY_free};
    const std::unique_ptr<X509, decltype(&X509_free)> made{X509_new(), X509_free};
    X509_set_version(made.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
    X509_set_pubkey(made.get(), key.get());
    auto* subject = X509_get_subject_name(made.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("a test"),
                               -1, -1, 0);
    X509_set_issuer_name(made.get(), subject);
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension{
        X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()), X509_EXTENSION_free};
    X509_add_ext(made.get(), extension.get(), -1);
    X509_sign(made.get(), key.get(), EVP_sha256());
    const std::unique_ptr<std::FILE, decltype(&std::fclose)> file{std::fopen(certificate().c_str(), "w"),
                                                                  std::fclose};
    ASSERT_TRUE(file && PEM_write_X509(file.get(), made.get()) == 1);

    server = std::make_unique<httplib::SSLServer>(made.get(), key.get());
    server->Post(".*", [this](const httplib::Request& request, httplib::Response& response) {
      host = request.get_header_value("Host");
      response.status = 202;
    });
    port = server->bind_to_any_port("127.0.0.1");
    thread = std::thread([this] { server->listen_after_bind(); });
    while (!server->is_running()) std::this_thread::yield();
  }

  [[nodiscard]] std::string certificate() const { return (folder.path() / "authority.crt").string(); }

  // An attempt at a name that leads here.
  [[nodiscard]] Attempt attempt(const std::string& name, bool trusted = true) const {
    const Webhook webhook{{.connect_timeout = std::chrono::seconds{30},
                           .read_timeout = std::chrono::seconds{30},
                           .total_timeout = std::chrono::seconds{30},
                           .resolve = [](const std::string&) { return std::vector{loopback}; },
                           .authorities_file = trusted ? certificate() : std::string{}}};
    return webhook.post({.tls = true, .host = name, .port = port, .target = "/"},
                        {.delivery = "id", .body = "{}"});
  }

  TemporaryFolder folder;
  std::unique_ptr<httplib::SSLServer> server;
  int port = 0;
  std::string host;
  std::thread thread;
};

TEST_F(ReceiversOverTls, AreBelievedByTheNameInTheirCertificate) {
  listen("DNS:receiver.test");
  EXPECT_EQ(attempt("receiver.test").status, 202);
  EXPECT_EQ(host, "receiver.test:" + std::to_string(port));
  EXPECT_EQ(attempt("receiver.test.").status, 202);
}

TEST_F(ReceiversOverTls, AreBelievedByTheAddressInTheirCertificate) {
  listen("IP:127.0.0.1");
  EXPECT_EQ(attempt("127.0.0.1").status, 202);
}

TEST_F(ReceiversOverTls, AreNotBelievedByAnotherName) {
  listen("DNS:other.test,IP:127.0.0.1");
  const auto made = attempt("receiver.test");
  EXPECT_EQ(made.status, 0);
  EXPECT_EQ(made.obstacle, Obstacle::none) << "it may get a better one";
  EXPECT_THAT(made.problem, HasSubstr("certificate is not accepted: hostname mismatch"));
  EXPECT_TRUE(host.empty()) << "nothing was sent";
}

TEST_F(ReceiversOverTls, AreNotBelievedWithoutAnAuthority) {
  listen("DNS:receiver.test");
  EXPECT_THAT(attempt("receiver.test", false).problem, HasSubstr("certificate is not accepted: self-signed"));
}

TEST_F(ReceiversOverTls, HaveToSpeakIt) {
  listen("DNS:receiver.test");
  httplib::Server plain;
  const int plain_port = plain.bind_to_any_port("127.0.0.1");
  std::thread plain_thread{[&] { plain.listen_after_bind(); }};
  while (!plain.is_running()) std::this_thread::yield();
  port = plain_port;
  EXPECT_THAT(attempt("receiver.test").problem, HasSubstr("TLS fails: "));
  plain.stop();
  plain_thread.join();
}

TEST(AuthoritiesFile, HasToBeThere) {
  EXPECT_THROW(Webhook{{.authorities_file = "/nowhere"}}, std::runtime_error);
}

}  // namespace
}  // namespace fedlog::actors
