#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "http/answer.h"
#include "tests/http/server_fixture.h"

namespace fedlog::http {
namespace {

using testing::Client;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::size_t unread_bytes = 16 * 1024 * 1024;

class SlowClientsTest : public testing::ServerTest {
 protected:
  SlowClientsTest() {
    // Both ends of every connection are in this process.
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    text_bytes_ = unread_bytes;
    file_ = std::filesystem::temp_directory_path() / ("fedlog-slow-clients-" + std::to_string(::getpid()));
    std::ofstream{file_}.put('x');
    std::filesystem::resize_file(file_, unread_bytes);
  }
  ~SlowClientsTest() override { std::filesystem::remove(file_); }

  void add(std::size_t count, const std::string& bytes) {
    for (std::size_t index = 0; index < count; ++index) {
      attackers_.emplace_back(server_->port(), 4096);
      attackers_.back().send(bytes);
    }
  }

  // Whatever a client can leave unfinished.
  void plant_five_hundred() {
    add(100, "GET / HTTP/1.1\r\nHost: h\r\nX: ");
    add(100, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nb");
    add(100, "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbo");
    add(80, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\nb");
    add(3, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
    add(2, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 100000000\r\n\r\n" + std::string(200'000, 'b'));
    add(105, get("/whole-file"));
    add(5, get("/text"));
    add(5, "");
  }

  void expect_that_others_are_served() {
    auto client = connect();
    EXPECT_THAT(client.call(get("/other")), HasSubstr("\"path\":\"/other\""));
    EXPECT_EQ(body_of(client.call(post("body"))), "body");
  }

  std::vector<Client> attackers_;
};

TEST_F(SlowClientsTest, LeaveThreadsToTheOthers) {
  // Nobody is cut here, however slow this machine is.
  constexpr int long_ms = 300'000;
  start({.threads_max = 4,
         .upload_threads_max = 3,
         .first_byte_timeout_ms = long_ms,
         .header_timeout_ms = long_ms,
         .body_timeout_ms = long_ms,
         .write_timeout_ms = long_ms});
  plant_five_hundred();
  expect_that_others_are_served();
  // One thread at most reads the bodies of this one address, and none waits for anything else.
  EXPECT_LE(server_->statistics().threads, 4U);
  await_connections(500);
  // What is finished late is still answered.
  attackers_[0].send("y\r\n\r\n");
  EXPECT_THAT(attackers_[0].receive(), StartsWith("HTTP/1.1 200 OK\r\n"));
  for (int byte = 1; byte < 100; ++byte) attackers_[100].send("b");
  EXPECT_EQ(body_of(attackers_[100].receive()), std::string(100, 'b'));
  for (const char byte : std::string{"dy\r\n0\r\n\r\n"}) attackers_[200].send({&byte, 1});
  EXPECT_EQ(body_of(attackers_[200].receive()), "body");
}

TEST_F(SlowClientsTest, AreCutAtTheirLimits) {
  start({.threads_max = 4,
         .upload_threads_max = 3,
         .first_byte_timeout_ms = 200,
         .header_timeout_ms = 200,
         .body_timeout_ms = 200,
         .write_timeout_ms = 200,
         .bytes_per_second_min = 1'000'000'000});
  plant_five_hundred();
  expect_that_others_are_served();
  for (std::size_t index = 0; index < 385; ++index) {
    EXPECT_THAT(attackers_[index].receive_all(), HasSubstr("HTTP/1.1 408 Request Timeout\r\n")) << index;
    attackers_[index].close();
  }
  await_connections(0);
  {
    const std::scoped_lock lock{mutex_};
    for (const auto& record : log_) {
      if (record.path == "/whole-file" || record.path == "/text") {
        EXPECT_LT(record.bytes_out, unread_bytes);
      }
    }
    EXPECT_EQ(std::ranges::count(log_, "/whole-file", &testing::Logged::path), 105);
  }
  EXPECT_EQ(attackers_[499].receive_all(), "");
  expect_that_others_are_served();
}

TEST_F(SlowClientsTest, KeepNoMoreAnswersInMemoryThanAllowed) {
  // With their heads.
  start({.unsent_bytes_max = 2 * unread_bytes + 4096});
  add(5, get("/text"));
  // Two are kept; the others are cut, and that is logged.
  for (std::size_t cut = 0; cut < 3; ++cut) EXPECT_EQ(logged(cut).path, "/text");
  await_connections(2);
  expect_that_others_are_served();
}

TEST(Answer, CountsAsAWholeUntilItsEndIsSent) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
  const FileDescriptor client{ends[0]};
  Connection connection{plain_transport(FileDescriptor{ends[1]}), "client"};
  auto answer =
      AnswerWriter{}.write({200, {}, std::string(unread_bytes, 't')}, FileDescriptor{}, true, false);
  ASSERT_EQ(answer.send_now(connection), Connection::Progress::waits);
  EXPECT_GT(connection.bytes_sent(), 0U);
  EXPECT_GT(answer.held_bytes(), unread_bytes);
}

TEST_F(SlowClientsTest, AreSentAnAnswerInPiecesUntilItIsWhole) {
  start();
  for (const std::string path : {"/text", "/whole-file"}) {
    auto client = connect();
    const auto answer = client.call(get(path));
    EXPECT_GE(body_of(answer).size(), unread_bytes) << path;
    EXPECT_THAT(client.call(get("/next")), HasSubstr("\"path\":\"/next\"")) << path;
  }
  EXPECT_GE(logged(0).bytes_out, unread_bytes);
}

TEST_F(SlowClientsTest, GetTheirAnswerWhileTheServerStops) {
  start();
  auto client = connect();
  client.send(get("/whole-file"));
  // The head is there once the answer has begun.
  std::array<char, 10> beginning{};
  ASSERT_EQ(::recv(client.fd(), beginning.data(), beginning.size(), MSG_PEEK | MSG_WAITALL), 10);
  std::thread stopper{[&] { server_->stop(); }};
  EXPECT_GE(body_of(client.receive()).size(), unread_bytes);
  stopper.join();
}

}  // namespace
}  // namespace fedlog::http
