#include "http/answer.h"

#include <fcntl.h>
#include <httplib.h>
#include <sys/stat.h>

#include <algorithm>

namespace fedlog::http {

namespace {

// A body up to this size leaves in one piece with its head.
constexpr std::size_t joined_body_bytes_max = 32 * 1024;

// What cpp-httplib reads and writes through. The request that it sees is always this one: its own reading
// decodes header values, refuses unknown methods, applies ranges and compresses by itself. To HEAD it answers
// with a head alone; the body is sent by us.
class HeadStream final : public httplib::Stream {
 public:
  explicit HeadStream(std::string& output) : output_(output) {}

  [[nodiscard]] bool is_readable() const override { return true; }
  [[nodiscard]] bool is_writable() const override { return true; }
  ssize_t read(char* buffer, std::size_t size) override {
    const auto count = unread_.copy(buffer, size);
    unread_.remove_prefix(count);
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* data, std::size_t size) override {
    output_.append(data, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  [[nodiscard]] socket_t socket() const override { return INVALID_SOCKET; }

 private:
  std::string_view unread_ = "HEAD / HTTP/1.1\r\n\r\n";
  std::string& output_;
};

// A response whose head is written.
struct Written {
  const Response& response;
  bool keeps_connection;
  std::uint64_t body_bytes;
};

}  // namespace

class AnswerWriter::Server : private httplib::Server {
 public:
  Server() {
    // Before any routing: the one request that cpp-httplib sees needs none.
    set_pre_routing_handler([](const httplib::Request&, httplib::Response& out) {
      out.status = current->response.status;
      return HandlerResponse::Handled;
    });
    set_post_routing_handler([](const httplib::Request&, httplib::Response& out) { finish(*current, out); });
  }

  std::string write(const Written& written) {
    std::string head;
    head.reserve(1024 + (written.body_bytes <= joined_body_bytes_max ? written.body_bytes : 0));
    HeadStream stream{head};
    current = &written;
    bool closed = false;
    process_request(stream, !written.keeps_connection, closed, nullptr);
    current = nullptr;
    return head;
  }

 private:
  // Instead of cpp-httplib's own headers, which depend on what it believes of the request and the body.
  static void finish(const Written& written, httplib::Response& out) {
    out.headers.clear();
    for (const auto& [name, value] : written.response.headers) out.headers.emplace(name, value);
    if (written.body_bytes > 0 && !written.response.headers.contains("Content-Type")) {
      const bool file = std::holds_alternative<FileBody>(written.response.body);
      out.headers.emplace("Content-Type", file ? "application/octet-stream" : "text/plain");
    }
    out.headers.emplace("Connection", written.keeps_connection ? "keep-alive" : "close");
    if (out.status != 204 && out.status != 304) {
      out.headers.emplace("Content-Length", std::to_string(written.body_bytes));
    }
  }

  // process_request calls the handlers on the calling thread; this is how they know for what.
  static thread_local const Written* current;
};

thread_local const Written* AnswerWriter::Server::current = nullptr;

AnswerWriter::AnswerWriter() : server_(std::make_unique<Server>()) {}

AnswerWriter::~AnswerWriter() = default;

bool AnswerWriter::open_file(const Response& response, FileDescriptor& file) {
  const auto* body = std::get_if<FileBody>(&response.body);
  if (!body) return true;
  file = FileDescriptor{::open(body->path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status{};
  if (!file.is_open() || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  return body->offset_bytes <= size && body->length_bytes <= size - body->offset_bytes;
}

Answer AnswerWriter::write(Response response, FileDescriptor file, bool keeps_connection,
                           bool without_body) const {
  Answer answer;
  answer.status_ = response.status;
  answer.keeps_connection_ = keeps_connection;
  auto* text = std::get_if<std::string>(&response.body);
  const auto* in_file = std::get_if<FileBody>(&response.body);
  const auto body_bytes = text ? text->size() : in_file->length_bytes;
  answer.head_ = server_->write({response, keeps_connection, body_bytes});
  if (without_body || response.status == 204 || response.status == 304) return answer;
  if (in_file) {
    answer.file_ = std::move(file);
    answer.file_offset_bytes_ = in_file->offset_bytes;
    answer.file_left_bytes_ = in_file->length_bytes;
  } else if (text->size() <= joined_body_bytes_max) {
    answer.head_ += *text;
  } else {
    answer.body_ = std::move(*text);
  }
  return answer;
}

Connection::Progress Answer::send_part(Connection& connection, const std::string& part,
                                       std::uint64_t start_bytes) {
  if (sent_bytes_ >= start_bytes + part.size()) return Connection::Progress::done;
  auto left = std::string_view{part}.substr(static_cast<std::size_t>(sent_bytes_ - start_bytes));
  const auto progress = connection.send_now(left);
  sent_bytes_ = start_bytes + part.size() - left.size();
  return progress;
}

Connection::Progress Answer::send_now(Connection& connection) {
  if (const auto progress = send_part(connection, head_, 0); progress != Connection::Progress::done) {
    return progress;
  }
  if (const auto progress = send_part(connection, body_, head_.size());
      progress != Connection::Progress::done) {
    return progress;
  }
  return connection.send_file_now(file_.get(), file_offset_bytes_, file_left_bytes_);
}

}  // namespace fedlog::http
