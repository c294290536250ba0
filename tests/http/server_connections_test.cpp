#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <string>
#include <vector>

#include "http/client.h"
#include "http/listener.h"
#include "tests/http/server_fixture.h"

namespace fedlog::http {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ServerConnectionsTest : public testing::ServerTest {
 protected:
  // This process's other end of a client's connection.
  static int server_side_of(const testing::Client& client) {
    sockaddr_in local{};
    socklen_t size = sizeof local;
    ::getsockname(client.fd(), reinterpret_cast<sockaddr*>(&local), &size);
    for (int fd = 0; fd < 4096; ++fd) {
      sockaddr_in peer{};
      size = sizeof peer;
      if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) == 0 && peer.sin_family == AF_INET &&
          peer.sin_port == local.sin_port) {
        return fd;
      }
    }
    return -1;
  }
};

TEST_F(ServerConnectionsTest, HearsNothingOfAConnectionThatItClosedWhileAnotherProcessStillHoldsIt) {
  start({.first_byte_timeout_ms = 200, .keep_alive_idle_ms = 200});
  auto client = connect();
  EXPECT_THAT(client.call(get()), StartsWith("HTTP/1.1 200"));
  // As a child process does between its fork and its exec.
  const FileDescriptor held{::dup(server_side_of(client))};
  ASSERT_TRUE(held.is_open());
  await_connections(0);
  // The socket lives on, and has input; an event would name a client that is no more.
  client.send(get("/ghost"));
  auto other = connect();
  EXPECT_THAT(other.call(get("/other")), HasSubstr("\"path\":\"/other\""));
  await_connections(0);
  EXPECT_EQ(server_->statistics().requests, 2U);
}

TEST(Listener, DropsWhoeverWaitsWhileNoFileDescriptorIsLeft) {
  Listener listener{"127.0.0.1", 0};
  std::array<testing::Client, 3> clients{testing::Client{listener.port()}, testing::Client{listener.port()},
                                         testing::Client{listener.port()}};
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit few{.rlim_cur = 256, .rlim_max = limit.rlim_max};
  ::setrlimit(RLIMIT_NOFILE, &few);
  std::vector<FileDescriptor> taken;
  while (true) {
    FileDescriptor next{::dup(listener.fd())};
    if (!next.is_open()) break;
    taken.push_back(std::move(next));
  }
  EXPECT_FALSE(listener.accept());
  taken.clear();
  ::setrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_FALSE(listener.accept()) << "somebody still waits";
  for (auto& client : clients) EXPECT_EQ(client.receive_all(), "");
  const testing::Client later{listener.port()};
  EXPECT_TRUE(listener.accept());
}

TEST_F(ServerConnectionsTest, TakesOnlySoManyFromOneAddress) {
  start({.connections_per_address_max = 2});
  auto first = connect();
  auto second = connect();
  EXPECT_THAT(first.call(get()), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(second.call(get()), StartsWith("HTTP/1.1 200"));
  auto third = connect();
  const auto refused = third.receive_all();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 429 Too Many Requests\r\n"));
  EXPECT_THAT(refused, HasSubstr("Retry-After: "));
  EXPECT_THAT(body_of(refused), HasSubstr("Your address has as many connections"));
  third.close();
  first.close();
  await_connections(1);
  auto fourth = connect();
  EXPECT_THAT(fourth.call(get()), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerConnectionsTest, TakesAnyNumberFromATrustedProxy) {
  start({.trusted_proxies = {"127.0.0.0/8"}, .connections_per_address_max = 1});
  auto first = connect();
  auto second = connect();
  EXPECT_THAT(first.call(get()), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(second.call(get()), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerConnectionsTest, BelievesATrustedProxyForWhomItAsks) {
  start({.trusted_proxies = {"127.0.0.1"}});
  auto client = connect();
  const auto answer =
      client.call(get("/", "X-Forwarded-For: 192.0.2.66, 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"));
  EXPECT_THAT(answer, HasSubstr("\"scheme\":\"https\""));
  EXPECT_EQ(logged(0).remote_address, "192.0.2.7");
}

TEST_F(ServerConnectionsTest, BelievesNobodyElse) {
  start({.trusted_proxies = {"192.0.2.1"}});
  auto client = connect();
  const auto answer = client.call(get("/", "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\n"));
  EXPECT_THAT(answer, HasSubstr("\"scheme\":\"http\""));
  EXPECT_EQ(logged(0).remote_address, "127.0.0.1");
}

TEST_F(ServerConnectionsTest, AnswersToAnyNameThatIsOne) {
  start();
  const auto call = [&](const std::string& host) {
    return connect().call("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  };
  for (const std::string name : {"h", "fl.example.org:8000", "127.0.0.1:80", "[::1]:8000", ""}) {
    EXPECT_THAT(call(name), StartsWith("HTTP/1.1 200")) << name;
  }
  for (const std::string other : {"a b", "a/b", "a@b", "a\"b", "a:b", "<script>", "a, b", "::1"}) {
    const auto answer = call(other);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400")) << other;
    EXPECT_EQ(body_of(answer), R"({"detail":"The header Host is no host name."})") << other;
  }
}

TEST_F(ServerConnectionsTest, AnswersToNoOtherNamesThanItsOwn) {
  start({.allowed_hosts = {"h", ".example.org"}});
  const auto call = [&](const std::string& host) {
    return connect().call("GET / HTTP/1.1\r\nHost: " + host + "\r\n\r\n");
  };
  for (const std::string name : {"h", "H:8000", "example.org", "a.Example.org"}) {
    EXPECT_THAT(call(name), StartsWith("HTTP/1.1 200")) << name;
  }
  for (const std::string other : {"other", "h.example.com", "127.0.0.1"}) {
    const auto answer = call(other);
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400")) << other;
    EXPECT_THAT(body_of(answer), HasSubstr("server.allowed_hosts")) << other;
  }
  EXPECT_THAT(connect().call("GET / HTTP/1.0\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerConnectionsTest, LetsAClientSendAllThatNobodyWantsBeforeItReadsItsAnswer) {
  start({.linger_pause_ms = 300'000, .linger_ms = 300'000});
  auto client = connect();
  client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 30000000\r\n\r\n");
  client.send(std::string(30'000'000, 'b'));
  const auto answer = client.receive();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(answer, HasSubstr("Connection: close"));
  client.close();
  await_connections(0);
}

TEST(Lingering, LastsWhileTheClientSendsButNotForEver) {
  using std::chrono::hours;
  using std::chrono::milliseconds;
  using std::chrono::minutes;
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const FileDescriptor other{ends[0]};
  http::Client client{plain_transport(FileDescriptor{ends[1]}), "192.0.2.7", "192.0.2.7"};
  client.state = http::Client::State::lingering;
  const ServerOptions options{.linger_pause_ms = 1'000};
  const auto now = std::chrono::steady_clock::now();
  client.step_deadline = now + hours{1};
  EXPECT_GE(deadline_of(client, options), now + milliseconds{1'000});
  EXPECT_LT(deadline_of(client, options), now + minutes{1});
  client.step_deadline = now + milliseconds{10};
  EXPECT_EQ(deadline_of(client, options), client.step_deadline);
}

}  // namespace
}  // namespace fedlog::http
