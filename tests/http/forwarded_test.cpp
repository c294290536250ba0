#include "http/forwarded.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace fedlog::http {
namespace {

struct Seen {
  std::string address;
  std::string scheme;
  bool operator==(const Seen&) const = default;
};

Seen seen(const std::vector<NameValue>& headers, const std::string& peer = "10.0.0.1") {
  Request request;
  request.remote_address = peer;
  for (const auto& [name, value] : headers) request.headers.add(name, value);
  TrustedProxies{{"10.0.0.0/8", "2001:db8::1"}}.apply(request);
  return {request.remote_address, request.scheme};
}

std::string address(const std::string& forwarded_for, const std::string& peer = "10.0.0.1") {
  return seen({{"X-Forwarded-For", forwarded_for}}, peer).address;
}

TEST(TrustedProxies, TakeTheLastAddressThatIsNoProxysOwn) {
  EXPECT_EQ(address("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(address("192.0.2.66, 192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(address("192.0.2.66, 192.0.2.7, 10.9.9.9,10.0.0.2"), "192.0.2.7");
  EXPECT_EQ(address("192.0.2.7", "2001:db8::1"), "192.0.2.7");
  EXPECT_EQ(address("2001:DB8:0::2"), "2001:db8::2");
  EXPECT_EQ(address("::ffff:192.0.2.7"), "192.0.2.7");
}

TEST(TrustedProxies, TakeTheirOwnFirstAddressWhenNobodyElseIsNamed) {
  EXPECT_EQ(address("10.0.0.9, 10.0.0.8"), "10.0.0.9");
  EXPECT_EQ(seen({}), (Seen{"10.0.0.1", "http"}));
}

TEST(TrustedProxies, BelieveNothingInFrontOfWhatCannotBeRead) {
  EXPECT_EQ(address("192.0.2.7, unknown"), "10.0.0.1");
  EXPECT_EQ(address("192.0.2.7, unknown, 10.0.0.5"), "10.0.0.5");
  for (const std::string odd : {"", ",", "192.0.2.7:80", "[2001:db8::2]", "192.0.2", "1.2.3.4.5",
                                "192.0.2.7 x", "fe80::1%eth0", "192.0.2.07"}) {
    EXPECT_EQ(address(odd), "10.0.0.1") << odd;
  }
  EXPECT_EQ(address(std::string(10'000, '1')), "10.0.0.1");
}

TEST(TrustedProxies, ReadSeveralHeadersAsOneList) {
  EXPECT_EQ(seen({{"X-Forwarded-For", "192.0.2.1"}, {"x-forwarded-for", "192.0.2.2, 10.0.0.3"}}).address,
            "192.0.2.2");
}

TEST(TrustedProxies, TellTheSchemeIfTheyAreClear) {
  EXPECT_EQ(seen({{"X-Forwarded-Proto", "HTTPS"}}).scheme, "https");
  EXPECT_EQ(seen({{"X-Forwarded-Proto", "ftp"}}).scheme, "http");
  EXPECT_EQ(seen({{"X-Forwarded-Proto", "https, http"}}).scheme, "http");
  EXPECT_EQ(seen({{"X-Forwarded-Proto", "https"}, {"X-Forwarded-Proto", "http"}}).scheme, "http");
}

TEST(TrustedProxies, AreBelievedAndNobodyElse) {
  const std::vector<NameValue> claims{{"X-Forwarded-For", "192.0.2.7"}, {"X-Forwarded-Proto", "https"}};
  EXPECT_EQ(seen(claims), (Seen{"192.0.2.7", "https"}));
  EXPECT_EQ(seen(claims, "11.0.0.1"), (Seen{"11.0.0.1", "http"}));
  EXPECT_EQ(seen(claims, "2001:db8::2"), (Seen{"2001:db8::2", "http"}));
  EXPECT_EQ(seen(claims, ""), (Seen{"", "http"}));
}

TEST(TrustedProxies, MustBeAddressesOrNetworks) {
  EXPECT_THROW((TrustedProxies{{"proxy.example.org"}}), std::invalid_argument);
}

TEST(OriginOf, IsAnAddressOrTheNetworkThatOneHostIsGiven) {
  EXPECT_EQ(origin_of("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(origin_of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(origin_of("2001:db8:1:2::9"), origin_of("2001:db8:1:2:ffff::"));
  EXPECT_NE(origin_of("2001:db8:1:2::9"), origin_of("2001:db8:1:3::9"));
}

}  // namespace
}  // namespace fedlog::http
