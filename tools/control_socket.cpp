#include "tools/control_socket.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

namespace fedlog::tools {
namespace {

constexpr std::size_t request_bytes_max = 64 * 1024;
constexpr std::size_t buffer_bytes = 64 * 1024;
constexpr timeval patience{.tv_sec = 30, .tv_usec = 0};

constexpr std::string_view socket_name = "control.sock";

// The address of a data folder's socket. Addresses are short: a folder with a long path is opened, and named
// by its descriptor.
class Address {
 public:
  explicit Address(const std::filesystem::path& data_folder) {
    address_.sun_family = AF_UNIX;
    auto path = (data_folder / socket_name).string();
    if (path.size() >= sizeof address_.sun_path) {
      folder_ = ::open(data_folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
      path = "/proc/self/fd/" + std::to_string(folder_) + "/" + std::string{socket_name};
    }
    std::memcpy(address_.sun_path, path.data(), path.size());
  }
  ~Address() {
    if (folder_ >= 0) ::close(folder_);
  }
  Address(const Address&) = delete;
  Address& operator=(const Address&) = delete;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  [[nodiscard]] static constexpr socklen_t size() { return sizeof(sockaddr_un); }

 private:
  sockaddr_un address_{};
  int folder_ = -1;
};

class LineWriter {
 public:
  explicit LineWriter(int connection) : connection_(connection) {}

  // False once the other side is gone; then nothing is sent any more.
  bool write(const nlohmann::ordered_json& line) {
    if (gone_) return false;
    buffer_ += line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    buffer_ += '\n';
    return buffer_.size() < buffer_bytes || flush();
  }

  bool flush() {
    if (gone_) return false;
    std::string_view left = buffer_;
    while (!left.empty()) {
      const auto sent = ::send(connection_, left.data(), left.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) {
        gone_ = true;
        break;
      }
      left.remove_prefix(static_cast<std::size_t>(sent));
    }
    buffer_.clear();
    return !gone_;
  }

 private:
  int connection_;
  std::string buffer_;
  bool gone_ = false;
};

class LineReader {
 public:
  explicit LineReader(int connection) : connection_(connection) {}

  // The next line without its end; none at the end of the stream, after an error, or beyond `bytes_max`.
  std::optional<std::string> read(std::size_t bytes_max) {
    while (true) {
      if (const auto end = buffer_.find('\n', searched_); end != std::string::npos) {
        auto line = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        searched_ = 0;
        return line;
      }
      searched_ = buffer_.size();
      if (buffer_.size() > bytes_max) return std::nullopt;
      char bytes[16 * 1024];
      const auto received = ::recv(connection_, bytes, sizeof bytes, 0);
      if (received < 0 && errno == EINTR) continue;
      if (received <= 0) return std::nullopt;
      buffer_.append(bytes, static_cast<std::size_t>(received));
    }
  }

 private:
  int connection_;
  std::string buffer_;
  std::size_t searched_ = 0;
};

nlohmann::ordered_json last_line(const std::expected<void, std::string>& outcome) {
  if (outcome) return {{"done", true}};
  return {{"error", outcome.error()}};
}

}  // namespace

ControlServer::ControlServer(const std::filesystem::path& data_folder, Answer answer)
    : path_(data_folder / socket_name), answer_(std::move(answer)) {
  const Address address{data_folder};
  std::filesystem::remove(path_);
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto before = ::umask(0077);
  const bool bound = ::bind(listener_, address.get(), Address::size()) == 0;
  ::umask(before);
  if (!bound || ::listen(listener_, 8) != 0 || ::pipe2(wake_, O_CLOEXEC) != 0) {
    throw std::runtime_error("cannot listen on " + path_.string() + ": " + std::strerror(errno));
  }
  thread_ = std::thread([this] { serve(); });
}

ControlServer::~ControlServer() {
  ::close(wake_[1]);
  thread_.join();
  for (auto& client : clients_) ::shutdown(client.connection, SHUT_RDWR);
  for (auto& client : clients_) {
    client.thread.join();
    ::close(client.connection);
  }
  ::close(wake_[0]);
  ::close(listener_);
  std::error_code ignored;
  std::filesystem::remove(path_, ignored);
}

void ControlServer::serve() {
  while (true) {
    pollfd waiting[2] = {{listener_, POLLIN, 0}, {wake_[0], POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    if ((waiting[0].revents & POLLIN) == 0) continue;
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    end_served();
    begin(connection);
  }
}

void ControlServer::begin(int connection) {
  if (clients_.size() == clients_max) {
    LineWriter writer{connection};
    writer.write(last_line(std::unexpected("The server answers " + std::to_string(clients_max) +
                                           " commands already; end one, such as a log that nobody reads.")));
    writer.flush();
    ::close(connection);
    return;
  }
  // Who is slow to read may be a pager, and waits as long as it likes.
  ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  auto& client = clients_.emplace_back();
  client.connection = connection;
  client.thread = std::thread([this, &client] {
    answer_one(client.connection);
    ::shutdown(client.connection, SHUT_RDWR);
    client.served = true;
  });
}

void ControlServer::end_served() {
  std::erase_if(clients_, [](Client& client) {
    if (!client.served) return false;
    client.thread.join();
    ::close(client.connection);
    return true;
  });
}

void ControlServer::answer_one(int connection) const {
  LineWriter writer{connection};
  const auto line = LineReader{connection}.read(request_bytes_max);
  if (!line) return;
  const auto request = nlohmann::json::parse(*line, nullptr, false);
  std::expected<void, std::string> outcome = std::unexpected("The request is not a JSON object.");
  try {
    if (request.is_object()) {
      outcome = answer_(request, [&](const auto& each) { return writer.write(each); });
    }
  } catch (const std::exception& error) {
    outcome = std::unexpected(std::string("The request cannot be answered: ") + error.what());
  }
  writer.write(last_line(outcome));
  writer.flush();
}

std::optional<std::expected<void, std::string>> ask_running_server(const std::filesystem::path& data_folder,
                                                                   const nlohmann::json& request,
                                                                   const Emit& emit) {
  const Address address{data_folder};
  const int connection = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(connection, address.get(), Address::size()) != 0) {
    ::close(connection);
    return std::nullopt;
  }
  LineWriter writer{connection};
  writer.write(request);
  writer.flush();
  LineReader reader{connection};
  std::expected<void, std::string> outcome = std::unexpected("The server ended before its answer did.");
  while (const auto line = reader.read(std::string::npos - 1)) {
    auto answer = nlohmann::ordered_json::parse(*line);
    if (answer.contains("done")) {
      outcome = {};
      break;
    }
    if (answer.contains("error")) {
      outcome = std::unexpected(answer["error"].get<std::string>());
      break;
    }
    if (!emit(answer)) {
      outcome = {};
      break;
    }
  }
  ::close(connection);
  return outcome;
}

}  // namespace fedlog::tools
