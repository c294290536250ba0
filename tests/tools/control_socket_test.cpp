#include "tools/control_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <barrier>
#include <cstring>
#include <fstream>
#include <future>
#include <list>

#include "storage/data_folder.h"
#include "tests/storage/examples.h"
#include "tests/temporary_folder.h"

namespace fedlog::tools {
namespace {

using namespace storage::testing;
using nlohmann::json;
using storage::stream_of;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

// A connection of a client that speaks as a test wants it to.
class Connection {
 public:
  explicit Connection(const std::filesystem::path& folder) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = (folder / "control.sock").string();
    std::memcpy(address.sun_path, path.data(), path.size());
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }
  ~Connection() { ::close(socket_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void send(const std::string& bytes) {
    for (std::size_t sent = 0; sent < bytes.size();) {
      const auto now = ::send(socket_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (now <= 0) return;  // the server has had enough
      sent += static_cast<std::size_t>(now);
    }
  }

  // Up to the end of the stream.
  std::string receive() {
    std::string all;
    char bytes[4096];
    for (ssize_t size = 0; (size = ::recv(socket_, bytes, sizeof bytes, 0)) > 0;) {
      all.append(bytes, static_cast<std::size_t>(size));
    }
    return all;
  }

 private:
  int socket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
};

class ControlSocket : public ::testing::Test {
 protected:
  void add_models(std::uint8_t count) {
    for (std::uint8_t number = 1; number <= count; ++number) {
      ASSERT_TRUE(storage->journal().append_and_wait(upload(number)));
    }
  }

  [[nodiscard]] std::size_t lines_of_log() const {
    std::size_t lines = 0;
    const auto outcome = ask_running_server(folder.path(), {{"command", "log"}}, [&](const auto&) {
      ++lines;
      return true;
    });
    EXPECT_TRUE(outcome && *outcome);
    return lines;
  }

  TemporaryFolder folder;
  std::unique_ptr<storage::Storage> storage = storage::open_memory_storage(folder.path());
  ControlServer::Answer answer = [this](const json& request, const Emit& emit) {
    return answer_control_request(request, *storage, emit);
  };
  std::optional<ControlServer> server{std::in_place, folder.path(), answer};
};

TEST_F(ControlSocket, AnswersLineByLine) {
  add_models(3);
  EXPECT_EQ(lines_of_log(), 3U);
}

TEST_F(ControlSocket, SaysWhyItRefuses) {
  const auto outcome =
      ask_running_server(folder.path(), {{"command", "erase"}}, [](const auto&) { return true; });
  ASSERT_TRUE(outcome.has_value());
  EXPECT_THAT(outcome->error(), HasSubstr("\"erase\""));
}

TEST_F(ControlSocket, IsForItsOwnerOnly) {
  const auto permissions = std::filesystem::status(folder.path() / "control.sock").permissions();
  EXPECT_EQ(permissions & (std::filesystem::perms::group_all | std::filesystem::perms::others_all),
            std::filesystem::perms::none);
}

TEST_F(ControlSocket, IsGoneWithItsServer) {
  server.reset();
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "control.sock"));
  EXPECT_FALSE(ask_running_server(folder.path(), {{"command", "log"}}, [](const auto&) { return true; }));
}

TEST_F(ControlSocket, TakesThePlaceOfOneThatADeadServerLeft) {
  server.reset();
  std::ofstream(folder.path() / "control.sock") << "left behind";
  server.emplace(folder.path(), answer);
  EXPECT_EQ(lines_of_log(), 0U);
}

TEST_F(ControlSocket, AnswersTwoClientsAtOnce) {
  add_models(200);
  std::barrier together{2};
  const auto ask = [&] {
    together.arrive_and_wait();
    EXPECT_EQ(lines_of_log(), 200U);
  };
  std::thread first{ask};
  std::thread second{ask};
  first.join();
  second.join();
}

TEST_F(ControlSocket, RefusesWhatIsNoRequest) {
  for (const auto* request : {"garbage\n", "[]\n", "\n", "\xff\xfe\n", "{\"command\":\n", "7\n"}) {
    Connection connection{folder.path()};
    connection.send(request);
    EXPECT_THAT(connection.receive(), HasSubstr("The request is not a JSON object.")) << request;
  }
  for (const auto* request :
       {R"({"command":7})", R"({"command":"log","stream":[]})", R"({"command":"log","from":"x"})"}) {
    Connection connection{folder.path()};
    connection.send(std::string(request) + "\n");
    EXPECT_THAT(connection.receive(), HasSubstr("The request cannot be answered")) << request;
  }
  EXPECT_EQ(lines_of_log(), 0U) << "and goes on";
}

TEST_F(ControlSocket, RefusesRequestsWithoutEnd) {
  Connection connection{folder.path()};
  connection.send(std::string(1 << 20, 'x'));
  EXPECT_EQ(connection.receive(), "");
  EXPECT_EQ(lines_of_log(), 0U);
}

TEST_F(ControlSocket, OutlivesClientsThatLeaveEarly) {
  add_models(200);
  {
    const Connection says_nothing{folder.path()};
  }
  {
    Connection says_half{folder.path()};
    says_half.send("{\"command\":");
  }
  for (int time = 0; time < 3; ++time) {
    Connection does_not_listen{folder.path()};
    does_not_listen.send("{\"command\":\"log\"}\n");
  }
  EXPECT_EQ(lines_of_log(), 200U);
}

TEST_F(ControlSocket, StopsWhenItsClientHasReadEnough) {
  add_models(200);
  int lines = 0;
  const auto outcome =
      ask_running_server(folder.path(), {{"command", "log"}}, [&](const auto&) { return ++lines < 3; });
  EXPECT_TRUE(outcome && *outcome);
  EXPECT_EQ(lines, 3);
  EXPECT_EQ(lines_of_log(), 200U);
}

TEST_F(ControlSocket, HandsOverLongAnswersAndLongLines) {
  auto event = uploaded(1, user_id(1));
  event.description = std::string(60'000, 'd');
  ASSERT_TRUE(storage->journal().append_and_wait(
      commit_of(stream_of(model_id(1)), 0, {storage::EventCodec::encode(domain::ModelEvent{event})})));
  for (std::uint64_t version = 1; version < 3000; ++version) {
    ASSERT_TRUE(storage->journal().append_and_wait(report(1, version)));
  }
  std::vector<std::uint64_t> positions;
  std::size_t longest = 0;
  const auto outcome = ask_running_server(folder.path(), {{"command", "log"}}, [&](const auto& line) {
    positions.push_back(line["position"].template get<std::uint64_t>());
    longest = std::max(longest, line.dump().size());
    return true;
  });
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_THAT(positions, SizeIs(3000));
  EXPECT_TRUE(std::ranges::is_sorted(positions));
  EXPECT_GT(longest, 60'000U);
}

// More than sockets hold on the way.
ControlServer::Answer endless() {
  return [](const json&, const Emit& emit) -> std::expected<void, std::string> {
    while (emit({{"line", std::string(1000, 'x')}})) {
    }
    return {};
  };
}

TEST_F(ControlSocket, AnswersOthersWhileAClientDoesNotReadOn) {
  add_models(3);
  server.emplace(folder.path(), [&](const json& request, const Emit& emit) {
    return request.value("command", "") == "endless" ? endless()(request, emit) : answer(request, emit);
  });
  Connection paused{folder.path()};
  paused.send("{\"command\":\"endless\"}\n");
  EXPECT_EQ(lines_of_log(), 3U);
  server.reset();  // waits for no client
  EXPECT_THAT(paused.receive(), Not(HasSubstr("done")));
}

TEST_F(ControlSocket, WritesNothingMoreToAClientThatLeft) {
  std::promise<bool> wanted_again;
  server.emplace(folder.path(), [&](const json& request, const Emit& emit) {
    auto outcome = endless()(request, emit);
    wanted_again.set_value(emit({{"line", 1}}));
    return outcome;
  });
  {
    Connection leaves{folder.path()};
    leaves.send("{}\n");
  }
  EXPECT_FALSE(wanted_again.get_future().get());
}

TEST_F(ControlSocket, AnswersNotMoreThanSoManyClientsAtOnce) {
  server.emplace(folder.path(), [&](const json&, const Emit& emit) { return endless()({}, emit); });
  std::list<Connection> paused;
  for (std::size_t client = 0; client < ControlServer::clients_max; ++client) {
    paused.emplace_back(folder.path()).send("{}\n");
  }
  EXPECT_THAT(Connection{folder.path()}.receive(), HasSubstr("16 commands already"));
}

TEST(AControlSocket, ServesAFolderWithALongPath) {
  const TemporaryFolder folder;
  const auto deep = folder.path() / std::string(110, 'x');
  std::filesystem::create_directory(deep);
  const auto asked = [&] {
    return ask_running_server(deep, {{"command", "log"}}, [](const auto&) { return true; });
  };
  EXPECT_FALSE(asked().has_value());
  const ControlServer server{deep,
                             [](const auto&, const auto&) { return std::expected<void, std::string>{}; }};
  EXPECT_TRUE(asked().has_value() && *asked());
  EXPECT_TRUE(std::filesystem::exists(deep / "control.sock"));
}

}  // namespace
}  // namespace fedlog::tools
