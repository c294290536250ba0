#include "http/exchange.h"

#include <fcntl.h>
#include <httplib.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <random>

#include "http/errors.h"
#include "http/framed_body.h"

namespace fedlog::http {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t output_buffer_bytes = 32 * 1024;
constexpr std::size_t file_piece_bytes = 256 * 1024;

std::string fresh_request_id() {
  thread_local std::mt19937_64 random{std::random_device{}()};
  constexpr std::string_view digits = "0123456789abcdef";
  std::string id;
  for (auto bits = random(); id.size() < 16; bits >>= 4) id.push_back(digits[bits & 0xF]);
  return id;
}

// RFC 9110's form, which knows no locale.
std::string date_now() {
  constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  thread_local std::time_t cached_time = 0;
  thread_local std::string cached_text;
  const auto now = std::time(nullptr);
  if (now != cached_time) {
    std::tm utc{};
    gmtime_r(&now, &utc);
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[utc.tm_wday],
                  utc.tm_mday, months[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour, utc.tm_min, utc.tm_sec);
    cached_time = now;
    cached_text = text.data();
  }
  return cached_text;
}

bool is_safe_in_a_header(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
}

// What cpp-httplib reads and writes through: our head on the one side, the client's socket on the other.
// Small writes are collected, so that an answer's head and body leave in one packet.
class AnswerStream final : public httplib::Stream {
 public:
  AnswerStream(Connection& connection, std::string head, Pace pace)
      : connection_(connection), head_(std::move(head)), pace_(pace) {}

  [[nodiscard]] bool is_readable() const override { return true; }
  [[nodiscard]] bool is_writable() const override { return !failed_; }
  ssize_t read(char* buffer, std::size_t size) override {
    const auto count = std::min(size, head_.size() - read_);
    head_.copy(buffer, count, read_);
    read_ += count;
    return static_cast<ssize_t>(count);
  }
  ssize_t write(const char* data, std::size_t size) override {
    if (output_.size() + size > output_buffer_bytes && !flush()) return -1;
    if (size > output_buffer_bytes) return send({data, size}) ? static_cast<ssize_t>(size) : -1;
    output_.append(data, size);
    return static_cast<ssize_t>(size);
  }
  void get_remote_ip_and_port(std::string&, int&) const override {}
  void get_local_ip_and_port(std::string&, int&) const override {}
  [[nodiscard]] socket_t socket() const override { return connection_.fd(); }

  bool flush() {
    const bool sent = send(output_);
    output_.clear();
    return sent;
  }

 private:
  bool send(std::string_view bytes) {
    if (!failed_) failed_ = !connection_.write(bytes, pace_);
    return !failed_;
  }

  Connection& connection_;
  std::string head_;
  std::size_t read_ = 0;
  Pace pace_;
  std::string output_;
  bool failed_ = false;
};

// An answer, checked and complete: a file is open and long enough.
struct PreparedAnswer {
  Response response;
  FileDescriptor file;
  bool keep_alive = false;
};

// False: the answer's file cannot be sent as promised.
bool open_file(PreparedAnswer& answer) {
  const auto* body = std::get_if<FileBody>(&answer.response.body);
  if (!body) return true;
  answer.file = FileDescriptor{::open(body->path.c_str(), O_RDONLY | O_CLOEXEC)};
  struct stat status{};
  if (!answer.file.is_open() || ::fstat(answer.file.get(), &status) != 0 || !S_ISREG(status.st_mode))
    return false;
  const auto size = static_cast<std::uint64_t>(status.st_size);
  return body->offset_bytes <= size && body->length_bytes <= size - body->offset_bytes;
}

bool send_file_piece(const PreparedAnswer& answer, std::size_t sent_bytes, std::size_t left_bytes,
                     httplib::DataSink& sink) {
  thread_local std::vector<char> piece(file_piece_bytes);
  const auto& body = std::get<FileBody>(answer.response.body);
  const auto count = ::pread(answer.file.get(), piece.data(), std::min(piece.size(), left_bytes),
                             static_cast<off_t>(body.offset_bytes + sent_bytes));
  return count > 0 && sink.write(piece.data(), static_cast<std::size_t>(count));
}

}  // namespace

// cpp-httplib's part: it turns a Response into bytes.
class Exchanges::Writer : private httplib::Server {
 public:
  Writer() {
    // Without a listening socket cpp-httplib takes itself for stopped and sends no files; only the value is
    // looked at.
    svr_sock_ = 0;
    Get("/", [](const httplib::Request&, httplib::Response& out) { fill(*current, out); });
    set_post_routing_handler([](const httplib::Request&, httplib::Response& out) { finish(*current, out); });
  }

  // False: the connection broke.
  bool write(AnswerStream& stream, PreparedAnswer& answer) {
    current = &answer;
    bool closed = false;
    const bool written = process_request(stream, !answer.keep_alive, closed, nullptr);
    current = nullptr;
    return written && stream.flush();
  }

 private:
  static void fill(PreparedAnswer& answer, httplib::Response& out) {
    auto& response = answer.response;
    out.status = response.status;
    const auto* file = std::get_if<FileBody>(&response.body);
    const bool streams = file && file->length_bytes > 0;
    for (const auto& [name, value] : response.headers) {
      // cpp-httplib sets these itself.
      if (streams && equals_ignoring_case(name, "Content-Type")) continue;
      out.headers.emplace(name, value);
    }
    // Compression would go here, for large JSON only: cpp-httplib's own is hidden from it with the
    // Accept-Encoding header.
    if (streams) {
      const auto type = response.headers.get("Content-Type");
      out.set_content_provider(static_cast<std::size_t>(file->length_bytes),
                               type.empty() ? "application/octet-stream" : std::string{type},
                               [&answer](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
                                 return send_file_piece(answer, offset, length, sink);
                               });
    } else if (!file) {
      out.body = std::move(std::get<std::string>(response.body));
    }
  }

  // After cpp-httplib has added its own headers.
  static void finish(const PreparedAnswer& answer, httplib::Response& out) {
    for (const auto* name : {"Keep-Alive", "Connection", "Accept-Ranges"}) out.headers.erase(name);
    if (const auto* ranges = answer.response.headers.find("Accept-Ranges")) {
      out.headers.emplace("Accept-Ranges", *ranges);
    }
    out.headers.emplace("Connection", answer.keep_alive ? "keep-alive" : "close");
    if (out.status == 204 || out.status == 304) out.headers.erase("Content-Length");
  }

  // process_request calls the functions above on the calling thread; this is how they know for whom.
  static thread_local PreparedAnswer* current;
};

thread_local PreparedAnswer* Exchanges::Writer::current = nullptr;

Exchanges::Exchanges(const ServerOptions& options, const ServerCallbacks& callbacks)
    : options_(options), callbacks_(callbacks), writer_(std::make_unique<Writer>()) {}

Exchanges::~Exchanges() = default;

Exchanges::After Exchanges::serve(Connection& connection, std::size_t head_bytes,
                                  const std::atomic<bool>& stopping) const {
  const auto start = Clock::now();
  const auto received_before = connection.bytes_received() - connection.input().size();
  const auto sent_before = connection.bytes_sent();
  auto head = parse_request_head(connection.input().substr(0, head_bytes),
                                 {options_.header_bytes_max, options_.header_fields_max});
  connection.consume(head_bytes);
  if (!head) {
    refuse_now(connection, head.error());
    return After::close;
  }
  auto& request = head->request;
  request.remote_address = connection.remote_address();
  if (request.id.empty()) request.id = fresh_request_id();

  FramedBody body{connection,
                  head->framing,
                  options_.body_bytes_max,
                  {options_.body_timeout_ms, options_.bytes_per_second_min}};
  PreparedAnswer answer;
  const auto failed = [&](std::string_view what) {
    if (callbacks_.on_exception) callbacks_.on_exception(request, what);
    answer.response = server_error_response();
  };
  try {
    callbacks_.handle(request, body, answer.response);
    if (!std::ranges::all_of(answer.response.headers, [](const NameValue& field) {
          return is_safe_in_a_header(field.first) && is_safe_in_a_header(field.second);
        })) {
      failed("an answer's header has control characters");
    } else if (!open_file(answer)) {
      failed("an answer's file is missing or too short");
    }
  } catch (const std::exception& error) {
    failed(error.what());
  } catch (...) {
    failed("something that is no std::exception was thrown");
  }
  answer.keep_alive = head->keep_alive && !stopping && (body.is_complete() || body.is_worth_draining());
  answer.response.headers.set("X-Request-ID", request.id);
  answer.response.headers.set_if_absent("Date", date_now());
  const int status = answer.response.status;

  connection.start_transfer();
  AnswerStream stream{connection,
                      request.method == "HEAD" ? "HEAD / HTTP/1.1\r\n\r\n" : "GET / HTTP/1.1\r\n\r\n",
                      {options_.write_timeout_ms, options_.bytes_per_second_min}};
  const bool written = writer_->write(stream, answer);
  const bool keep = written && answer.keep_alive && (body.is_complete() || body.drain());

  if (callbacks_.on_access) {
    const auto duration = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
    callbacks_.on_access(
        {.method = request.method,
         .path = request.path,
         .status = status,
         .duration_us = static_cast<std::uint64_t>(duration.count()),
         .bytes_in = connection.bytes_received() - connection.input().size() - received_before,
         .bytes_out = connection.bytes_sent() - sent_before,
         .remote_address = request.remote_address,
         .request_id = request.id});
  }
  return keep ? After::keep : After::close;
}

void Exchanges::refuse_now(Connection& connection, const HeadError& error) const {
  const auto id = fresh_request_id();
  const auto body = std::get<std::string>(detail_response(error.status, error.detail).body);
  std::string answer = "HTTP/1.1 " + std::to_string(error.status) + " ";
  answer.append(reason_phrase(error.status));
  answer +=
      "\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\nConnection: close\r\nDate: ";
  answer += date_now() + "\r\nX-Request-ID: " + id + "\r\nContent-Length: " + std::to_string(body.size());
  if (error.status == 503) answer += "\r\nRetry-After: 1";
  answer += "\r\n\r\n" + body;
  const auto sent_before = connection.bytes_sent();
  connection.write_now(answer);
  if (callbacks_.on_access) {
    callbacks_.on_access({.method = {},
                          .path = {},
                          .status = error.status,
                          .duration_us = 0,
                          .bytes_in = connection.bytes_received(),
                          .bytes_out = connection.bytes_sent() - sent_before,
                          .remote_address = connection.remote_address(),
                          .request_id = id});
  }
}

}  // namespace fedlog::http
