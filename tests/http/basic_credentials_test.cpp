#include "http/basic_credentials.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace fedlog::http {
namespace {

const std::string token(40, 'f');

TEST(Authorization, ReadsATokenWhateverTheSchemesCase) {
  for (const std::string scheme : {"Token", "token", "TOKEN"}) {
    EXPECT_EQ(parse_authorization(scheme + "  " + token), Credentials{TokenCredentials{token}});
  }
}

TEST(Authorization, ReadsBasicCredentialsInUtf8AndInLatin1) {
  const Credentials expected = BasicCredentials{"j\u00fcrgen", "gr\u00fcn:gelb"};
  EXPECT_EQ(parse_authorization("Basic asO8cmdlbjpncsO8bjpnZWxi"), expected);
  EXPECT_EQ(parse_authorization("basic avxyZ2VuOmdy/G46Z2VsYg=="), expected);
}

TEST(Authorization, TakesAFortyCharacterUserNameWithoutPasswordForAToken) {
  // 40 times "f" and a colon.
  const std::string encoded = "ZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZmZjo=";
  EXPECT_EQ(parse_authorization("Basic " + encoded), Credentials{TokenCredentials{token}});
}

TEST(Authorization, IgnoresOtherSchemesAndNothing) {
  for (const std::string value : {"", "  ", "Bearer abc", "Digest x=y, z", "Tokens a"}) {
    EXPECT_EQ(parse_authorization(value), Credentials{NoCredentials{}}) << value;
  }
}

TEST(Authorization, SaysWhatIsWrong) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"Token", "Invalid token header. No credentials provided."},
      {"Token a b", "Invalid token header. Token string should not contain spaces."},
      {"Token \xe4\xe4", "Invalid token header. Token string should not contain invalid characters."},
      {"Basic", "Invalid basic header. No credentials provided."},
      {"Basic a b", "Invalid basic header. Credentials string should not contain spaces."},
      {"Basic !!!", "Invalid basic header. Credentials not correctly base64 encoded."},
      {"Basic !!!!", "Invalid basic header. Credentials not correctly base64 encoded."},
      {"Basic YTpi=", "Invalid basic header. Credentials not correctly base64 encoded."},
      {"Basic ====", "Invalid basic header. Credentials not correctly base64 encoded."},
      {"Basic YWJj", "Invalid basic header. Credentials not correctly base64 encoded."},
  };
  for (const auto& [value, message] : cases) {
    const auto parsed = parse_authorization(value);
    ASSERT_FALSE(parsed) << value;
    EXPECT_EQ(parsed.error(), message) << value;
  }
}

}  // namespace
}  // namespace fedlog::http
