#include <sys/sendfile.h>
#include <sys/socket.h>

#include <cerrno>

#include "http/transport.h"

namespace fedlog::http {

namespace {

class PlainTransport final : public Transport {
 public:
  explicit PlainTransport(FileDescriptor socket) : socket_(std::move(socket)) {}

  [[nodiscard]] int fd() const override { return socket_.get(); }
  [[nodiscard]] std::string_view scheme() const override { return "http"; }
  [[nodiscard]] Outcome shake_hands() override { return Outcome::moved; }

  [[nodiscard]] Moved receive(std::span<char> buffer) override {
    return outcome([&] { return ::recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT); },
                   Outcome::wants_input);
  }
  [[nodiscard]] Moved send(std::string_view bytes) override {
    return outcome([&] { return ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT); },
                   Outcome::wants_output);
  }
  [[nodiscard]] Moved send_file(int file, std::uint64_t offset_bytes, std::size_t size_bytes) override {
    auto offset = static_cast<off_t>(offset_bytes);
    return outcome([&] { return ::sendfile(fd(), file, &offset, size_bytes); }, Outcome::wants_output);
  }
  [[nodiscard]] bool has_buffered_input() const override { return false; }
  void finish_sending() override { ::shutdown(fd(), SHUT_WR); }

 private:
  template <typename Call>
  static Moved outcome(const Call& call, Outcome blocked) {
    while (true) {
      const auto result = call();
      if (result > 0) return {Outcome::moved, static_cast<std::size_t>(result)};
      if (result == 0) return {Outcome::closed};
      if (errno == EINTR) continue;
      return {errno == EAGAIN || errno == EWOULDBLOCK ? blocked : Outcome::closed};
    }
  }

  FileDescriptor socket_;
};

}  // namespace

std::unique_ptr<Transport> plain_transport(FileDescriptor socket) {
  return std::make_unique<PlainTransport>(std::move(socket));
}

}  // namespace fedlog::http
