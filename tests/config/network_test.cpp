#include "config/network.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

#include "config/settings.h"

namespace fedlog::config {
namespace {

bool contains(const std::string& network, const std::string& address) {
  return parse_network(network).value().contains(parse_ip_address(address).value());
}

TEST(Network, ContainsTheAddressesOfItsPrefix) {
  EXPECT_TRUE(contains("10.0.0.0/8", "10.255.0.1"));
  EXPECT_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
  EXPECT_TRUE(contains("192.0.2.128/25", "192.0.2.128"));
  EXPECT_FALSE(contains("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(contains("2001:db8::/33", "2001:db8:7fff::1"));
  EXPECT_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  EXPECT_TRUE(contains("0.0.0.0/0", "255.255.255.255"));
  EXPECT_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(contains("::/0", "2001:db8::1"));
}

bool permits(const NetworkRules& rules, std::string_view address) {
  return rules.permits(parse_ip_address(address).value());
}

TEST(NetworkRules, PermitEverythingThatIsNotDenied) {
  const NetworkRules rules{{}, {"169.254.0.0/16", "fe80::/10"}};
  for (const auto* address : {"127.0.0.1", "10.1.2.3", "8.8.8.8", "::1", "2001:db8::1"}) {
    EXPECT_TRUE(permits(rules, address)) << address;
  }
  for (const auto* address : {"169.254.169.254", "::ffff:169.254.169.254", "fe80::1"}) {
    EXPECT_FALSE(permits(rules, address)) << address;
  }
}

TEST(NetworkRules, PermitOnlyWhatIsAllowedAndNotDenied) {
  const NetworkRules rules{{"10.0.0.0/8", "2001:db8::/32"}, {"10.9.0.0/16"}};
  EXPECT_TRUE(permits(rules, "10.1.2.3"));
  EXPECT_TRUE(permits(rules, "2001:db8::1"));
  EXPECT_FALSE(permits(rules, "10.9.2.3"));
  EXPECT_FALSE(permits(rules, "127.0.0.1"));
  EXPECT_FALSE(permits(rules, "::1"));
}

TEST(NetworkRules, OfIpv6SayNothingOfIpv4) {
  EXPECT_TRUE(permits(NetworkRules({}, {"::/0"}), "192.0.2.1"));
  EXPECT_FALSE(permits(NetworkRules({}, {"::/0"}), "2001:db8::1"));
  EXPECT_FALSE(permits(NetworkRules({"::/0"}, {}), "192.0.2.1"));
  EXPECT_FALSE(permits(NetworkRules({}, {"0.0.0.0/0"}), "192.0.2.1"));
  EXPECT_TRUE(permits(NetworkRules({}, {"0.0.0.0/0"}), "2001:db8::1"));
}

TEST(NetworkRules, SeeThroughTranslatorsAndTunnels) {
  const NetworkRules rules{{}, {"169.254.0.0/16"}};
  EXPECT_FALSE(permits(rules, "64:ff9b::169.254.169.254"));
  EXPECT_FALSE(permits(rules, "2002:a9fe:a9fe::1"));
  EXPECT_FALSE(permits(rules, "::169.254.169.254"));
  EXPECT_TRUE(permits(rules, "64:ff9b::192.0.2.1"));
  EXPECT_TRUE(permits(rules, "::192.0.2.1"));
}

TEST(NetworkRules, AreMadeOfNetworks) {
  EXPECT_THROW(NetworkRules({"example.org"}, {}), std::invalid_argument);
}

TEST(NetworkRules, ByDefaultDenyWhatNoReceiverCanBe) {
  const Notifications defaults;
  const NetworkRules rules{defaults.allowed_networks, defaults.denied_networks};
  for (const auto* address :
       {"0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1", "239.255.255.250", "255.255.255.255",
        "::", "fe80::1", "ff02::1", "::169.254.169.254", "fd00:ec2::254"}) {
    EXPECT_FALSE(permits(rules, address)) << address;
  }
  for (const auto* address :
       {"127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "172.16.0.1", "fd00::1", "8.8.8.8"}) {
    EXPECT_TRUE(permits(rules, address)) << address;
  }
}

TEST(Network, MayBeOneAddress) {
  EXPECT_TRUE(contains("192.0.2.7", "192.0.2.7"));
  EXPECT_FALSE(contains("192.0.2.7", "192.0.2.6"));
  EXPECT_TRUE(contains("::1", "0:0:0:0:0:0:0:1"));
  EXPECT_TRUE(contains("192.0.2.7", "::ffff:192.0.2.7"));
}

TEST(Network, IsReadStrictly) {
  for (const std::string text : {"",
                                 "/",
                                 "/8",
                                 "10.0.0.0/",
                                 "10.0.0.0/33",
                                 "10.0.0.0/-1",
                                 "10.0.0.0/+8",
                                 "10.0.0.0/8 ",
                                 " 10.0.0.0/8",
                                 "10.0.0.0/8/8",
                                 "10.0.0.0/0x8",
                                 "10.0.0.1/8",
                                 "10.0.0/8",
                                 "10.0.0.0/99999999999",
                                 "::/129",
                                 "2001:db8::1/64",
                                 "[::1]",
                                 "[::1]/128",
                                 "::1%lo",
                                 "localhost",
                                 "010.0.0.0/8",
                                 "1:2:3:4:5:6:7:8:9"}) {
    EXPECT_FALSE(parse_network(text).has_value()) << text;
  }
  EXPECT_FALSE(parse_network(std::string("10.0.0.1\0", 9)).has_value());
  EXPECT_FALSE(parse_network(std::string(100'000, '1')).has_value());
}

TEST(IpAddress, IsWrittenInItsUsualForm) {
  EXPECT_EQ(ip_address_text(*parse_ip_address("2001:0DB8:0:0::1")), "2001:db8::1");
  EXPECT_EQ(ip_address_text(*parse_ip_address("192.0.2.7")), "192.0.2.7");
}

TEST(HostName, IsWithoutThePortAndInSmallLetters) {
  EXPECT_EQ(host_name("Example.org:8000"), "example.org");
  EXPECT_EQ(host_name("fedlog_server"), "fedlog_server");
  EXPECT_EQ(host_name("192.0.2.7:80"), "192.0.2.7");
  EXPECT_EQ(host_name("[2001:DB8::1]:443"), "[2001:db8::1]");
  EXPECT_EQ(host_name("a:"), "a");
}

TEST(HostName, IsReadStrictly) {
  for (const std::string text :
       {"", ":80", "a b", "a/b", "a@b", "a\"b", "a:80:80", "a:x", "a:123456", "a,b", "[", "[]", "[::1", "[a]",
        "[192.0.2.7]", "[::1]x", "::1", "h\xc3\xa4", "a%20b"}) {
    EXPECT_FALSE(host_name(text)) << text;
  }
  EXPECT_FALSE(host_name(std::string(256, 'a')));
}

TEST(HostPattern, IsAHostOrAllBelowOneOrAny) {
  for (const std::string text : {"*", "example.org", ".example.org", "[::1]", "192.0.2.7"}) {
    EXPECT_TRUE(is_host_pattern(text)) << text;
  }
  for (const std::string text : {"", ".", "..org", "Example.org", "example.org:80", "*.example.org"}) {
    EXPECT_FALSE(is_host_pattern(text)) << text;
  }
  EXPECT_TRUE(fits_host_pattern("a.b.org", ".b.org"));
  EXPECT_TRUE(fits_host_pattern("b.org", ".b.org"));
  EXPECT_FALSE(fits_host_pattern("ab.org", ".b.org"));
  EXPECT_FALSE(fits_host_pattern("a.b.org", "b.org"));
  EXPECT_TRUE(fits_host_pattern("anything", "*"));
}

}  // namespace
}  // namespace fedlog::config
