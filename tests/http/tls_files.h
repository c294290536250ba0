#pragma once

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "http/tls.h"

namespace fedlog::http::testing {

// Self-signed certificates for "localhost", and their keys, in a folder of their own.
class TlsFilesTest : public ::testing::Test {
 protected:
  TlsFilesTest()
      : folder_(std::filesystem::temp_directory_path() / ("fedlog-tls-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~TlsFilesTest() override { std::filesystem::remove_all(folder_); }

  // Writes `<name>.crt` and `<name>.key`; the certificate's subject is `name`.
  [[nodiscard]] TlsFiles make(const std::string& name, const char* password = nullptr) const {
    const TlsFiles files{folder_ / (name + ".crt"), folder_ / (name + ".key")};
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_EC_gen("P-256"), EVP_PKEY_free};
    const std::unique_ptr<X509, decltype(&X509_free)> certificate{X509_new(), X509_free};
    X509_set_version(certificate.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.get());
    auto* subject = X509_get_subject_name(certificate.get());
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_issuer_name(certificate.get(), subject);
    X509_sign(certificate.get(), key.get(), EVP_sha256());
    write(files.certificate, [&](std::FILE* file) { return PEM_write_X509(file, certificate.get()); });
    write(files.key, [&](std::FILE* file) {
      return PEM_write_PrivateKey(file, key.get(), password ? EVP_aes_256_cbc() : nullptr, nullptr, 0,
                                  nullptr, const_cast<char*>(password));
    });
    return files;
  }

  std::filesystem::path folder_;

 private:
  template <typename Write>
  static void write(const std::filesystem::path& path, const Write& content) {
    const std::unique_ptr<std::FILE, decltype(&std::fclose)> file{std::fopen(path.c_str(), "w"), std::fclose};
    ASSERT_TRUE(file && content(file.get()) == 1);
  }
};

}  // namespace fedlog::http::testing
