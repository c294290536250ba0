#include "actors/endpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fedlog::actors {
namespace {

using ::testing::HasSubstr;

TEST(Endpoints, AreTakenApart) {
  struct Case {
    std::string url;
    bool tls;
    std::string host;
    int port;
    std::string target;
  };
  for (const auto& [url, tls, host, port, target] : std::initializer_list<Case>{
           {"http://client.example.org", false, "client.example.org", 80, "/"},
           {"https://client.example.org", true, "client.example.org", 443, "/"},
           {"HTTP://Client.example.org/", false, "Client.example.org", 80, "/"},
           {"http://127.0.0.1:8101/callback", false, "127.0.0.1", 8101, "/callback"},
           {"https://host:8443/a/b?c=d", true, "host", 8443, "/a/b?c=d"},
           {"http://host?c=d", false, "host", 80, "/?c=d"},
           {"http://host/a#part", false, "host", 80, "/a"},
           {"http://host#part", false, "host", 80, "/"},
           {"http://[::1]:8101/x", false, "::1", 8101, "/x"},
           {"http://[fe80::1]", false, "fe80::1", 80, "/"},
           {"http://host:65535", false, "host", 65535, "/"},
           {"http://host/\xc3\xa4?\xc3\xb6", false, "host", 80, "/%C3%A4?%C3%B6"},
           {"http://my_host-1.example.org./", false, "my_host-1.example.org.", 80, "/"},
       }) {
    const auto endpoint = Endpoint::parse(url);
    ASSERT_TRUE(endpoint.has_value()) << url << ": " << endpoint.error();
    EXPECT_EQ(endpoint->tls, tls) << url;
    EXPECT_EQ(endpoint->host, host) << url;
    EXPECT_EQ(endpoint->port, port) << url;
    EXPECT_EQ(endpoint->target, target) << url;
  }
}

TEST(Endpoints, AreRefusedWithTheReason) {
  struct Case {
    std::string url;
    std::string reason;
  };
  for (const auto& [url, reason] : std::initializer_list<Case>{
           {"", "does not begin with http://"},
           {"host:8101", "does not begin with http://"},
           {"ftp://host/", "does not begin with http://"},
           {"http:/host/", "does not begin with http://"},
           {"http://", "no host"},
           {"http:///path", "no host"},
           {"http://:80", "no host"},
           {"http://[]:80", "no host"},
           {"http://[127.0.0.1]/", "not an IPv6 address"},
           {"http://[fe80::1%eth0]/", "not an IPv6 address"},
           {"http://::1/", "without brackets"},
           {"http://fe80::1:8080", "without brackets"},
           {"http://h\xc3\xa4user.example/", "xn-- form"},
           {"http://a%2fb/", "letters, digits"},
           {"http://a\\b/", "letters, digits"},
           {"http://" + std::string(254, 'a') + "/", "too long"},
           {"http://[::1", "lacks a ']'"},
           {"http://name:secret@host/", "credentials"},
           {"http://host:", "port"},
           {"http://host:0", "port"},
           {"http://host:65536", "port"},
           {"http://host:99999999999999999999", "port"},
           {"http://host:-1", "port"},
           {"http://host:80x", "port"},
           {"http://[::1]80", "port"},
           {"http://host/a b", "spaces or control characters"},
           {"http://host/\r\nX-Injected: 1", "spaces or control characters"},
           {std::string("http://host/\0", 13), "spaces or control characters"},
       }) {
    const auto endpoint = Endpoint::parse(url);
    ASSERT_FALSE(endpoint.has_value()) << url;
    EXPECT_THAT(endpoint.error(), HasSubstr(reason)) << url;
  }
}

}  // namespace
}  // namespace fedlog::actors
