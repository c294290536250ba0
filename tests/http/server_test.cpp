#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/http/server_fixture.h"

namespace fedlog::http {
namespace {

using testing::Client;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::ServerTest;
using ::testing::StartsWith;

TEST_F(ServerTest, AnswersManyRequestsOnOneConnection) {
  start();
  auto client = connect();
  for (int request = 0; request < 20; ++request) {
    const auto path = "/" + std::to_string(request);
    const auto answer = client.call(get(path, "X-Request-ID: r" + path.substr(1) + "\r\n"));
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
    EXPECT_THAT(answer, HasSubstr("Connection: keep-alive\r\n"));
    EXPECT_THAT(answer, HasSubstr("X-Request-ID: r" + path.substr(1) + "\r\n"));
    EXPECT_THAT(body_of(answer), HasSubstr("\"path\":\"" + path + "\""));
  }
  EXPECT_EQ(server_->statistics().connections, 1U);
}

TEST_F(ServerTest, AnswersAThousandConnectionsInSequence) {
  start();
  for (int index = 0; index < 1000; ++index) {
    auto client = connect();
    ASSERT_THAT(client.call(get("/", "Connection: close\r\n")), StartsWith("HTTP/1.1 200 OK\r\n"));
  }
  EXPECT_EQ(server_->statistics().requests, 1000U);
  EXPECT_EQ(server_->statistics().refused_connections, 0U);
}

TEST_F(ServerTest, AnswersPipelinedRequestsInOrder) {
  start();
  auto client = connect();
  std::string requests;
  for (int index = 0; index < 50; ++index)
    requests += get("/" + std::to_string(index)) + post("b" + std::to_string(index));
  client.send(requests);
  for (int index = 0; index < 50; ++index) {
    EXPECT_THAT(client.receive(), HasSubstr("\"path\":\"/" + std::to_string(index) + "\""));
    EXPECT_EQ(body_of(client.receive()), "b" + std::to_string(index));
  }
}

TEST_F(ServerTest, ReadsAHeadThatComesByteByByte) {
  start();
  auto client = connect();
  for (const char byte : get("/slow")) client.send({&byte, 1});
  EXPECT_THAT(client.receive(), HasSubstr("\"path\":\"/slow\""));
}

TEST_F(ServerTest, HoldsSlowHeadsWithoutThreadsAndEndsThemAfterTheirTime) {
  start({.threads_max = 2, .header_timeout_ms = 300});
  std::vector<Client> slow;
  for (int index = 0; index < 500; ++index) {
    slow.push_back(connect());
    slow.back().send("GET / HTTP/1.1\r\nHost: h\r\nX: ");
  }
  auto client = connect();
  EXPECT_THAT(client.call(get()), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(server_->statistics().threads, 1U);
  for (auto& other : slow) EXPECT_THAT(other.receive_all(), StartsWith("HTTP/1.1 408 Request Timeout\r\n"));
}

TEST_F(ServerTest, ClosesIdleConnectionsSilently) {
  start({.first_byte_timeout_ms = 20, .keep_alive_idle_ms = 20});
  auto fresh = connect();
  EXPECT_EQ(fresh.receive_all(), "");
  auto used = connect();
  EXPECT_THAT(used.call(get()), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(used.receive_all(), "");
}

TEST_F(ServerTest, RefusesConnectionsOverItsLimitAndServesTheOthers) {
  start({.connections_max = 2});
  auto first = connect();
  auto second = connect();
  EXPECT_THAT(first.call(get()), StartsWith("HTTP/1.1 200"));
  EXPECT_THAT(second.call(get()), StartsWith("HTTP/1.1 200"));
  auto third = connect();
  const auto refused = third.receive_all();
  EXPECT_THAT(refused, StartsWith("HTTP/1.1 503 Service Unavailable\r\n"));
  EXPECT_THAT(refused, HasSubstr("Retry-After: "));
  EXPECT_THAT(body_of(refused), StartsWith("{\"detail\":"));
  EXPECT_THAT(first.call(get()), StartsWith("HTTP/1.1 200"));
  EXPECT_EQ(server_->statistics().refused_connections, 1U);
  first.close();
  second.close();
  // The server learns of the closing in its own time; a connection is accepted once it did.
  std::string answer;
  while (!answer.starts_with("HTTP/1.1 200")) {
    auto next = connect();
    answer = next.call(get());
    ASSERT_THAT(answer, Not(::testing::IsEmpty()));
  }
}

TEST_F(ServerTest, AnswersAClientThatHasFinishedSending) {
  start();
  auto client = connect();
  client.send(get("/half"));
  client.finish_sending();
  EXPECT_THAT(client.receive_all(), HasSubstr("\"path\":\"/half\""));
}

TEST_F(ServerTest, RefusesAPortThatIsTaken) {
  start();
  try {
    const Server second{{.port = server_->port()}, {.handle = [](const Request&, BodyReader&, Response&) {}}};
    FAIL() << "a second server listens on the same port";
  } catch (const std::runtime_error& error) {
    EXPECT_THAT(error.what(), HasSubstr("cannot listen on 127.0.0.1:" + std::to_string(server_->port())));
    EXPECT_THAT(error.what(), HasSubstr("does another server run there?"));
  }
}

TEST_F(ServerTest, StopLetsARunningRequestFinishAndClosesIdleConnections) {
  start();
  auto idle = connect();
  EXPECT_THAT(idle.call(get()), StartsWith("HTTP/1.1 200"));
  auto busy = connect();
  busy.send(get("/wait"));
  entered_.wait();
  std::thread stopper{[&] { server_->stop(); }};
  EXPECT_EQ(idle.receive_all(), "");
  release_.count_down();
  const auto answer = busy.receive_all();
  stopper.join();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(answer, HasSubstr("Connection: close\r\n"));
  EXPECT_FALSE(connect().connected());
  server_->stop();
}

TEST_F(ServerTest, StopCutsARequestThatWaitsForItsClient) {
  start({.stop_timeout_ms = 1});
  auto client = connect();
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.receive(), "HTTP/1.1 100 Continue\r\n\r\n");
  server_->stop();
  EXPECT_EQ(logged(0).status, 400);
}

TEST_F(ServerTest, StopTellsWhatHandlersWaitForWhenTheirTimeIsOver) {
  wait_ends_when_cut_ = true;
  start({.stop_timeout_ms = 1});
  auto client = connect();
  client.send(get("/wait"));
  entered_.wait();
  server_->stop();
  EXPECT_EQ(logged(0).path, "/wait");
}

TEST_F(ServerTest, ServesManyClientsAtOnce) {
  start({.threads_max = 8});
  std::vector<std::thread> threads;
  std::atomic<int> answered = 0;
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&] {
      std::vector<Client> clients;
      for (int index = 0; index < 8; ++index) clients.push_back(connect());
      for (int round = 0; round < 10; ++round) {
        for (auto& client : clients) client.send(round % 2 ? get() : post("body"));
        for (auto& client : clients) answered += client.receive().starts_with("HTTP/1.1 200 OK\r\n") ? 1 : 0;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(answered, 640);
}

}  // namespace
}  // namespace fedlog::http
