#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <latch>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "http/errors.h"
#include "http/file_descriptor.h"
#include "http/server.h"

namespace fedlog::http::testing {

// A client that speaks raw bytes and reads blocking.
class Client {
 public:
  // With `receive_buffer_bytes` it cannot be sent much while it does not read.
  explicit Client(int port, int receive_buffer_bytes = 0) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer_bytes > 0) {
      ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVBUF, &receive_buffer_bytes, sizeof receive_buffer_bytes);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    const int on = 1;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // So that a test that fails does not hang.
    const timeval patience{20, 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }

  [[nodiscard]] int fd() const { return socket_.get(); }
  [[nodiscard]] bool connected() const { return connected_; }
  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }
  // One answer: its head, and as many bytes as its Content-Length says unless it answers HEAD.
  [[nodiscard]] std::string receive(bool head_only = false) {
    while (input_.find("\r\n\r\n") == std::string::npos && receive_some()) {
    }
    const auto head_end = input_.find("\r\n\r\n");
    if (head_end == std::string::npos) return std::exchange(input_, {});
    const auto label = input_.find("Content-Length: ");
    std::size_t size = head_end + 4;
    if (!head_only && label < head_end) size += std::strtoull(input_.c_str() + label + 16, nullptr, 10);
    while (input_.size() < size && receive_some()) {
    }
    auto answer = input_.substr(0, size);
    input_.erase(0, size);
    return answer;
  }
  [[nodiscard]] std::string call(std::string_view bytes) {
    send(bytes);
    return receive();
  }
  // Everything until the server closes.
  [[nodiscard]] std::string receive_all() {
    while (receive_some()) {
    }
    return std::exchange(input_, {});
  }
  void close() { socket_.reset(); }
  void finish_sending() const { ::shutdown(socket_.get(), SHUT_WR); }

 private:
  bool receive_some() {
    std::array<char, 64 * 1024> buffer;
    const auto count = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (count > 0) input_.append(buffer.data(), static_cast<std::size_t>(count));
    return count > 0;
  }

  FileDescriptor socket_;
  bool connected_ = false;
  std::string input_;
};

// Access records, kept by value.
struct Logged {
  std::string method;
  std::string path;
  int status;
  std::uint64_t bytes_in;
  std::uint64_t bytes_out;
  std::string request_id;
  std::string remote_address;
};

class ServerTest : public ::testing::Test {
 protected:
  static std::string get(const std::string& path = "/", const std::string& fields = "") {
    return "GET " + path + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
  }
  static std::string post(const std::string& body, const std::string& fields = "",
                          const std::string& path = "/echo") {
    return "POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) +
           "\r\n" + fields + "\r\n" + body;
  }
  static std::string body_of(const std::string& answer) { return answer.substr(answer.find("\r\n\r\n") + 4); }

  void start(ServerOptions options = {}) {
    options.port = 0;
    server_ = std::make_unique<Server>(
        options, ServerCallbacks{.handle = [this](const Request& request, BodyReader& body,
                                                  Response& response) { handle(request, body, response); },
                                 .on_access =
                                     [this](const AccessRecord& record) {
                                       const std::scoped_lock lock{mutex_};
                                       log_.push_back({std::string{record.method}, std::string{record.path},
                                                       record.status, record.bytes_in, record.bytes_out,
                                                       std::string{record.request_id},
                                                       std::string{record.remote_address}});
                                       changed_.notify_all();
                                     },
                                 .on_exception =
                                     [this](const Request&, std::string_view what) {
                                       const std::scoped_lock lock{mutex_};
                                       exceptions_.emplace_back(what);
                                     },
                                 .on_cut =
                                     [this] {
                                       if (wait_ends_when_cut_) release_.count_down();
                                     }});
  }
  [[nodiscard]] Client connect() const { return Client{server_->port()}; }

  // Until the server has so many connections; it learns of their ends in its own time.
  void await_connections(std::size_t count) const {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (server_->statistics().connections != count && std::chrono::steady_clock::now() < patience) {
      std::this_thread::yield();
    }
    EXPECT_EQ(server_->statistics().connections, count);
  }

  // The n-th access record, waited for.
  Logged logged(std::size_t index) {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return log_.size() > index; });
    return log_[index];
  }

  void handle(const Request& request, BodyReader& body, Response& response) {
    if (request.path == "/echo") {
      const auto content = body.read_all(UINT64_MAX);
      response = content ? Response{} : body_error_response(content.error());
      if (content) response.body = *content;
    } else if (request.path == "/throw") {
      throw std::runtime_error("planted");
    } else if (request.path == "/throw-oddly") {
      throw 42;
    } else if (request.path == "/inject") {
      response.headers.add("X-Bad", "a\r\nSet-Cookie: b");
    } else if (request.path == "/file") {
      response.body = FileBody{file_, 1, 3'000'000};
    } else if (request.path == "/whole-file") {
      response.body = FileBody{file_, 0, std::filesystem::file_size(file_)};
    } else if (request.path == "/missing-file") {
      response.body = FileBody{file_ / "not there", 0, 1};
    } else if (request.path == "/short-file") {
      response.body = FileBody{file_, 1, 3'000'001};
    } else if (request.path == "/text") {
      response = detail_response(200, std::string(text_bytes_, 't'));
    } else if (request.path == "/nothing") {
      response = no_content();
    } else if (request.path == "/wait") {
      entered_.count_down();
      release_.wait();
    } else {
      response = json_response(200, {{"method", request.method},
                                     {"path", request.path},
                                     {"id", request.id},
                                     {"scheme", request.scheme}});
    }
  }

  std::filesystem::path file_;
  std::size_t text_bytes_ = 0;
  std::latch entered_{1};
  std::latch release_{1};
  bool wait_ends_when_cut_ = false;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Logged> log_;
  std::vector<std::string> exceptions_;
  std::unique_ptr<Server> server_;
};

}  // namespace fedlog::http::testing
