#include "http/tls.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/http/tls_files.h"

namespace fedlog::http {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class TlsContextTest : public testing::TlsFilesTest {
 protected:
  static std::string mistake(const TlsFiles& files) {
    const auto context = TlsContext::load(files);
    return context ? "none" : context.error();
  }
  std::filesystem::path file(const std::string& content) const {
    const auto path = folder_ / "odd";
    std::ofstream{path} << content;
    return path;
  }
};

TEST_F(TlsContextTest, TakesACertificateAndItsKey) {
  const auto files = make("good");
  EXPECT_EQ(mistake(files), "none");
  // With the certificates of authorities behind it, and even in one file.
  const auto other = make("other");
  std::ofstream{files.certificate, std::ios::app} << std::ifstream{other.certificate}.rdbuf();
  EXPECT_EQ(mistake(files), "none");
  std::ofstream{files.certificate, std::ios::app} << std::ifstream{files.key}.rdbuf();
  EXPECT_EQ(mistake({files.certificate, files.certificate}), "none");
}

TEST_F(TlsContextTest, NamesTheSettingOfAFileThatItCannotRead) {
  const auto files = make("good");
  EXPECT_THAT(mistake({"/not/there.crt", files.key}),
              AllOf(StartsWith("tls.certificate: cannot read /not/there.crt: "), HasSubstr("No such file")));
  EXPECT_THAT(mistake({files.certificate, "/not/there.key"}),
              StartsWith("tls.key: cannot read /not/there.key: "));
  EXPECT_THAT(mistake({folder_, files.key}), StartsWith("tls.certificate: cannot read "));
  EXPECT_THAT(mistake({file(""), files.key}), StartsWith("tls.certificate: "));
}

TEST_F(TlsContextTest, NamesTheSettingOfAFileThatHoldsSomethingElse) {
  const auto files = make("good");
  EXPECT_THAT(mistake({file("no PEM"), files.key}), HasSubstr("must hold a certificate in PEM form"));
  EXPECT_THAT(mistake({files.key, files.key}), StartsWith("tls.certificate: "));
  EXPECT_THAT(mistake({files.certificate, files.certificate}), StartsWith("tls.key: "));
  EXPECT_THAT(
      mistake({files.certificate, file("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")}),
      HasSubstr("must hold a private key in PEM form"));
  std::ofstream{files.certificate, std::ios::app}
      << "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  EXPECT_THAT(mistake(files), StartsWith("tls.certificate: "));
}

TEST_F(TlsContextTest, RefusesAKeyOfAnotherCertificate) {
  const auto files = make("good");
  const auto other = make("other");
  EXPECT_THAT(mistake({files.certificate, other.key}),
              AllOf(StartsWith("tls.key: "), HasSubstr("is not the key of the first certificate")));
}

TEST_F(TlsContextTest, AsksForNoPassword) {
  const auto files = make("good", "secret");
  EXPECT_THAT(mistake(files), AllOf(StartsWith("tls.key: "), HasSubstr("is protected by a password")));
}

}  // namespace
}  // namespace fedlog::http
