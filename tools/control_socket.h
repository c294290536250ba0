#pragma once

#include <atomic>
#include <expected>
#include <filesystem>
#include <functional>
#include <list>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>

#include "tools/control.h"

// The socket through which the command-line tool asks a running server: `control.sock` in the data folder,
// for its owner only. A request is one line of JSON; the answer is lines of JSON, the last one {"done":true}
// or {"error":"..."}.
namespace fedlog::tools {

class ControlServer {
 public:
  // Answers a request; called on a thread of its own for each, several at the same time.
  using Answer =
      std::function<std::expected<void, std::string>(const nlohmann::json& request, const Emit& emit)>;

  // Requests that are answered at the same time; one more is told to come later.
  static constexpr std::size_t clients_max = 16;

  // Listens; an old socket is replaced (the data folder's lock says that its server is gone). Throws
  // std::runtime_error with the reason when it cannot.
  ControlServer(const std::filesystem::path& data_folder, Answer answer);
  // Hangs up on clients that are being answered, however slowly they read.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  struct Client {
    int connection = -1;
    std::atomic<bool> served = false;
    std::thread thread;
  };

  void serve();
  void begin(int connection);
  void end_served();
  void answer_one(int connection) const;

  std::filesystem::path path_;
  Answer answer_;
  int listener_ = -1;
  int wake_[2] = {-1, -1};
  std::list<Client> clients_;  // of the listening thread, and of the destructor after it
  std::thread thread_;
};

// Asks the running server; std::nullopt when none runs on this data folder.
[[nodiscard]] std::optional<std::expected<void, std::string>> ask_running_server(
    const std::filesystem::path& data_folder, const nlohmann::json& request, const Emit& emit);

}  // namespace fedlog::tools
