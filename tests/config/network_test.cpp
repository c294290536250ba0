#include "config/network.h"

#include <gtest/gtest.h>

#include <string>

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
