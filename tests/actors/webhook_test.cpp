#include "actors/webhook.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "actors/webhook_signature.h"
#include "tests/actors/raw_receiver.h"

namespace fedlog::actors {
namespace {

using std::chrono::milliseconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::RawReceiver;

const std::string accepted = "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n";

ConnectionOptions patient() {
  return {.connect_timeout = std::chrono::seconds{30},
          .read_timeout = std::chrono::seconds{30},
          .total_timeout = std::chrono::seconds{30}};
}

Attempt attempt(const Endpoint& endpoint, ConnectionOptions options = patient(),
                const WebhookMessage& message = {.delivery = "id", .body = "{}"}) {
  return Webhook{std::move(options)}.post(endpoint, message);
}

constexpr IpAddress loopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 127, 0, 0, 1};
constexpr IpAddress metadata{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 169, 254, 169, 254};

TEST(Webhook, TakesTheStatusOfAnAnswer) {
  const RawReceiver receiver{accepted, {}};
  EXPECT_EQ(attempt(receiver.endpoint()).status, 202);
}

TEST(Webhook, TakesTheStatusBehindAnInterimOne) {
  const RawReceiver receiver{"HTTP/1.1 100 Continue\r\n\r\n" + accepted, {}};
  EXPECT_EQ(attempt(receiver.endpoint()).status, 202);
}

TEST(Webhook, DoesNotFollowARedirection) {
  RawReceiver elsewhere{accepted, {}};
  const RawReceiver receiver{"HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:" +
                                 std::to_string(elsewhere.endpoint().port) + "/\r\n\r\n",
                             {}};
  auto options = patient();
  std::vector<std::string> asked;
  options.resolve = [&](const std::string& host) {
    asked.push_back(host);
    return std::vector{loopback};
  };
  EXPECT_EQ(attempt(receiver.endpoint(), options).status, 307);
  EXPECT_THAT(asked, ElementsAre("127.0.0.1")) << "only one connection was made";
}

TEST(Webhook, SaysWhatItSends) {
  RawReceiver receiver{accepted, {}};
  auto endpoint = receiver.endpoint();
  endpoint.target = "/hook?client=2";
  EXPECT_EQ(attempt(endpoint, patient(), {.delivery = "an-id", .body = R"({"a":1})"}).status, 202);
  EXPECT_EQ(receiver.received(),
            "POST /hook?client=2 HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(endpoint.port) +
                "\r\nUser-Agent: fedlog\r\nAccept: */*\r\nConnection: close\r\n"
                "Content-Type: application/json\r\nContent-Length: 7\r\n"
                "X-Fedlog-Delivery: an-id\r\n\r\n{\"a\":1}");
}

TEST(Webhook, SignsWithTheReceiversSecret) {
  RawReceiver receiver{accepted, {}};
  attempt(receiver.endpoint(), patient(), {.delivery = "id", .body = "{}", .secret = "a secret"});
  const auto text = receiver.received();
  const auto value_of = [&](const std::string& field) {
    const auto begin = text.find("\r\n" + field + ": ") + field.size() + 4;
    return text.substr(begin, text.find('\r', begin) - begin);
  };
  const auto signature = value_of("X-Fedlog-Signature");
  ASSERT_TRUE(signature.starts_with("t=")) << text;
  const auto timestamp_s = std::stoll(signature.substr(2));
  EXPECT_GT(timestamp_s, 1'600'000'000);
  EXPECT_EQ(signature, webhook_signature("a secret", timestamp_s, "{}"));
}

// With Python: hmac.new(b"key", b"1700000000.{}", "sha256").hexdigest()
TEST(WebhookSignature, IsThatOfTimestampDotBody) {
  EXPECT_EQ(webhook_signature("key", 1'700'000'000, "{}"),
            "t=1700000000,v1=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae");
}

TEST(Webhook, SurvivesAStatusLineThatDoesNotEnd) {
  const RawReceiver receiver{"HTTP/1.1 200 ", std::string(64 * 1024, 'x')};
  EXPECT_EQ(attempt(receiver.endpoint()).status, 0);
}

TEST(Webhook, SurvivesALongStatusLine) {
  const RawReceiver receiver{"HTTP/1.1 200 " + std::string(4 * 1024 * 1024, 'x') + "\r\n\r\n", {}};
  EXPECT_EQ(attempt(receiver.endpoint()).status, 0);
}

TEST(Webhook, SurvivesHeadersWithoutEnd) {
  const RawReceiver receiver{"HTTP/1.1 200 OK\r\n", "X-More: of the same\r\n"};
  const auto made = attempt(receiver.endpoint());
  EXPECT_EQ(made.status, 0);
  EXPECT_EQ(made.problem, "its answer's headers do not end");
  EXPECT_TRUE(made.posted);
}

TEST(Webhook, SurvivesInformationWithoutEnd) {
  const RawReceiver receiver{{}, "HTTP/1.1 100 Continue\r\n\r\n"};
  EXPECT_EQ(attempt(receiver.endpoint()).status, 0);
}

TEST(Webhook, TakesNothingElseForAStatus) {
  for (const std::string line : {"HTTP/2 200", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 2x0",
                                 "SSH-2.0-OpenSSH", "HTTP/1.1  200", "HTTP/1.1 099", "", "220 smtp ready"}) {
    const RawReceiver receiver{line + "\r\n\r\n", {}};
    const auto made = attempt(receiver.endpoint());
    EXPECT_EQ(made.status, 0) << line;
    EXPECT_EQ(made.problem, "its answer is not HTTP") << line;
  }
}

TEST(Webhook, GivesUpOnAReceiverThatNeverFinishesItsAnswer) {
  const RawReceiver receiver{"HTTP/1.1 200 OK\r\nX-Half: of a hea", {}};
  auto options = patient();
  options.read_timeout = milliseconds{20};
  const auto made = attempt(receiver.endpoint(), options);
  EXPECT_EQ(made.status, 0);
  EXPECT_EQ(made.problem, "it does not answer in time");
}

// Each byte comes in time, and the headers would end some day.
TEST(Webhook, GivesUpOnAReceiverThatDripsItsAnswer) {
  const RawReceiver receiver{"HTTP/1.1 200 OK\r\nX-Slow: ", "x", milliseconds{1}};
  auto options = patient();
  options.total_timeout = milliseconds{100};
  const auto made = attempt(receiver.endpoint(), options);
  EXPECT_EQ(made.status, 0);
  EXPECT_EQ(made.problem, "it does not answer in time");
}

TEST(Webhook, GivesUpOnAReceiverThatDoesNotAccept) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 0), 0);
  ASSERT_EQ(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size), 0);
  // One fills the queue; the next is left without an answer.
  const int first = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(::connect(first, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  auto options = patient();
  options.connect_timeout = milliseconds{20};
  const auto made =
      attempt({.tls = false, .host = "127.0.0.1", .port = ntohs(address.sin_port), .target = "/"}, options);
  EXPECT_EQ(made.status, 0);
  EXPECT_EQ(made.in_full, "no connection to 127.0.0.1: nobody answers");
  EXPECT_EQ(made.problem, "no connection: nobody answers");
  ::close(first);
  ::close(listener);
}

TEST(Webhook, SaysThatNobodyListens) {
  Endpoint endpoint;
  {
    const RawReceiver gone{{}, {}};
    endpoint = gone.endpoint();
  }
  const auto made = attempt(endpoint);
  EXPECT_EQ(made.in_full, "no connection to 127.0.0.1: Connection refused");
  EXPECT_EQ(made.problem, "no connection: Connection refused");
  EXPECT_FALSE(made.posted);
}

TEST(Webhook, DoesNotPostToADeniedAddress) {
  RawReceiver receiver{accepted, {}};
  auto options = patient();
  options.permits = [](const IpAddress& address) { return address != loopback; };
  const auto made = attempt(receiver.endpoint(), options);
  EXPECT_EQ(made.status, 0);
  EXPECT_EQ(made.obstacle, Obstacle::no_target);
  EXPECT_EQ(made.in_full, "its address 127.0.0.1 is in a network that this server may not post to");
  EXPECT_EQ(made.problem, "its address is in a network that this server may not post to");
}

// With the system's resolver, which may give the IPv6 address first.
TEST(Webhook, DoesNotPostToANameOfADeniedAddress) {
  RawReceiver receiver{accepted, {}};
  auto endpoint = receiver.endpoint();
  endpoint.host = "localhost";
  auto options = patient();
  options.permits = [](const IpAddress&) { return false; };
  const auto made = attempt(endpoint, options);
  EXPECT_EQ(made.obstacle, Obstacle::no_target);
  EXPECT_THAT(made.problem, HasSubstr("may not post to"));
}

TEST(Webhook, ConnectsToTheAddressThatItChecked) {
  const RawReceiver receiver{accepted, {}};
  auto endpoint = receiver.endpoint();
  endpoint.host = "rebinding.example.org";
  int resolved = 0;
  auto options = patient();
  options.resolve = [&](const std::string&) { return std::vector{++resolved == 1 ? loopback : metadata}; };
  options.permits = [](const IpAddress& address) { return address == loopback; };
  EXPECT_EQ(attempt(endpoint, options).status, 202);
  EXPECT_EQ(resolved, 1);
}

TEST(Webhook, TriesThePermittedOnesOfANamesAddresses) {
  const RawReceiver receiver{accepted, {}};
  auto endpoint = receiver.endpoint();
  endpoint.host = "both.example.org";
  std::vector<IpAddress> checked;
  auto options = patient();
  options.resolve = [&](const std::string&) { return std::vector{metadata, loopback}; };
  options.permits = [&](const IpAddress& address) {
    checked.push_back(address);
    return address == loopback;
  };
  EXPECT_EQ(attempt(endpoint, options).status, 202);
  EXPECT_THAT(checked, ElementsAre(metadata, loopback));
}

TEST(Webhook, GoesOnToANamesNextAddress) {
  const RawReceiver receiver{accepted, {}};
  auto endpoint = receiver.endpoint();
  endpoint.host = "two.example.org";
  auto unused = loopback;
  unused[15] = 99;  // 127.0.0.99: nobody listens there
  auto options = patient();
  options.resolve = [&](const std::string&) { return std::vector{unused, loopback}; };
  EXPECT_EQ(attempt(endpoint, options).status, 202);
}

TEST(Webhook, SaysThatANameCannotBeResolved) {
  auto options = patient();
  options.resolve = [](const std::string&) { return std::unexpected(std::string("no such name")); };
  const auto made = attempt({.tls = false, .host = "nowhere.example", .port = 80, .target = "/"}, options);
  EXPECT_EQ(made.obstacle, Obstacle::none) << "it may be there later";
  EXPECT_EQ(made.in_full, "the name nowhere.example cannot be resolved: no such name");
  EXPECT_EQ(made.problem, "its name cannot be resolved: no such name");
}

}  // namespace
}  // namespace fedlog::actors
