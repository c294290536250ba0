#include "tools/control_socket.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string_view>

namespace fedlog::tools {
namespace {

constexpr std::size_t request_bytes_max = 64 * 1024;
constexpr std::size_t buffer_bytes = 64 * 1024;
constexpr timeval patience{.tv_sec = 30, .tv_usec = 0};

// Sockets' addresses are short.
sockaddr_un address_of(const std::filesystem::path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto text = path.string();
  if (text.size() >= sizeof address.sun_path) {
    throw std::runtime_error("the path of the control socket is too long (over 107 bytes): " + text +
                             "; choose a data folder with a shorter path");
  }
  std::memcpy(address.sun_path, text.data(), text.size());
  return address;
}

class LineWriter {
 public:
  explicit LineWriter(int connection) : connection_(connection) {}

  // False once the other side is gone.
  bool write(const nlohmann::ordered_json& line) {
    buffer_ += line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    buffer_ += '\n';
    return buffer_.size() < buffer_bytes || flush();
  }

  bool flush() {
    std::string_view left = buffer_;
    while (!left.empty()) {
      const auto sent = ::send(connection_, left.data(), left.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent <= 0) return false;
      left.remove_prefix(static_cast<std::size_t>(sent));
    }
    buffer_.clear();
    return true;
  }

 private:
  int connection_;
  std::string buffer_;
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

std::filesystem::path socket_path(const std::filesystem::path& data_folder) {
  return data_folder / "control.sock";
}

}  // namespace

ControlServer::ControlServer(const std::filesystem::path& data_folder, Answer answer)
    : path_(socket_path(data_folder)), answer_(std::move(answer)) {
  const auto address = address_of(path_);
  std::filesystem::remove(path_);
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto before = ::umask(0077);
  const bool bound = ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::umask(before);
  if (!bound || ::listen(listener_, 8) != 0 || ::pipe(wake_) != 0) {
    throw std::runtime_error("cannot listen on " + path_.string() + ": " + std::strerror(errno));
  }
  thread_ = std::thread([this] { serve(); });
}

ControlServer::~ControlServer() {
  ::close(wake_[1]);
  thread_.join();
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
    ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    serve_one(connection);
    ::close(connection);
  }
}

void ControlServer::serve_one(int connection) {
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
  writer.write(outcome ? nlohmann::ordered_json{{"done", true}}
                       : nlohmann::ordered_json{{"error", outcome.error()}});
  writer.flush();
}

std::optional<std::expected<void, std::string>> ask_running_server(const std::filesystem::path& data_folder,
                                                                   const nlohmann::json& request,
                                                                   const Emit& emit) {
  const auto address = address_of(socket_path(data_folder));
  const int connection = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
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
