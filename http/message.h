#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace fedlog::http {

// ASCII only, as header names and media types compare.
[[nodiscard]] bool equals_ignoring_case(std::string_view left, std::string_view right);
[[nodiscard]] std::string to_lower(std::string_view text);
// Without spaces and tabs at either end.
[[nodiscard]] std::string_view trimmed(std::string_view text);

using NameValue = std::pair<std::string, std::string>;

// Header fields in the order in which they came or were set; names compare without case.
class Headers {
 public:
  [[nodiscard]] const std::string* find(std::string_view name) const;
  // The first value of that name, or "".
  [[nodiscard]] std::string_view get(std::string_view name) const;
  [[nodiscard]] bool contains(std::string_view name) const { return find(name) != nullptr; }
  [[nodiscard]] std::size_t count(std::string_view name) const;
  void add(std::string name, std::string value);
  // Replaces all of that name.
  void set(std::string_view name, std::string value);
  void set_if_absent(std::string_view name, std::string_view value);
  void erase(std::string_view name);

  [[nodiscard]] auto begin() const { return fields_.begin(); }
  [[nodiscard]] auto end() const { return fields_.end(); }
  [[nodiscard]] std::size_t size() const { return fields_.size(); }

 private:
  std::vector<NameValue> fields_;
};

enum class Version { http_1_0, http_1_1 };

// A request's head. Method, target and header fields were checked to hold no control characters; path and
// query are percent-decoded once and valid UTF-8 without control characters in the path.
struct Request {
  std::string method;
  std::string path;
  // As sent: what a redirect repeats. Never empty; starts with "/" (or is "*").
  std::string raw_path;
  // Without the "?", as sent.
  std::string raw_query;
  std::vector<NameValue> query;
  Headers headers;
  Version version = Version::http_1_1;
  std::string remote_address;
  // "http" or "https": how the client speaks to us, or to a trusted proxy in front. For absolute links.
  std::string scheme = "http";
  // From X-Request-ID, or fresh. [A-Za-z0-9._-]{1,128}
  std::string id;

  // Of several parameters of one name the last counts, as in Django.
  [[nodiscard]] std::optional<std::string_view> query_parameter(std::string_view name) const;
};

enum class BodyError {
  too_large,     // more than the limit: answer 413
  malformed,     // the framing is broken: answer 400
  timed_out,     // the client sends too slowly: answer 408
  disconnected,  // nobody is there to answer
};

// The body of one request, read once, front to back, by the thread that serves it. Reading blocks.
class BodyReader {
 public:
  BodyReader() = default;
  BodyReader(const BodyReader&) = delete;
  BodyReader& operator=(const BodyReader&) = delete;
  virtual ~BodyReader() = default;

  // Up to `buffer.size()` bytes; 0 at the end. After an error every later call returns the same error.
  [[nodiscard]] virtual std::expected<std::size_t, BodyError> read(std::span<char> buffer) = 0;
  // From Content-Length, so known before the first read; nothing for a chunked body.
  [[nodiscard]] virtual std::optional<std::uint64_t> declared_size_bytes() const = 0;
  // Lowers the limit for this request (a limit above the server's own is cut to it). Call before reading.
  virtual void set_limit(std::uint64_t size_bytes) = 0;

  // All of it; too_large beyond `limit_bytes`.
  [[nodiscard]] std::expected<std::string, BodyError> read_all(std::uint64_t limit_bytes);
};

// `length_bytes` bytes of a file from `offset_bytes` on, sent with constant memory. The server opens the file
// before the first byte of the answer goes out: a file that is missing or too short is a 500.
struct FileBody {
  std::filesystem::path path;
  std::uint64_t offset_bytes = 0;
  std::uint64_t length_bytes = 0;
};

struct Response;

// An answer that waits for something; meanwhile it holds a connection, but no thread.
struct Deferral {
  // Until then at most.
  std::chrono::steady_clock::time_point until;
  // Calls what it is given once, from any thread, when the answer is worth making; at once if it is already.
  // Once this object is gone it calls nothing any more.
  std::function<void(std::function<void()> ready)> listen;
  // Completes the answer: after `ready`, at `until`, or when the server is being stopped. Not called when the
  // client went away.
  std::function<void(Response&)> complete;
};

struct Response {
  int status = 200;
  Headers headers;
  // The server adds Content-Length, Connection, Date and X-Request-ID, and leaves the body out for HEAD.
  std::variant<std::string, FileBody> body;
  std::string failure = {};  // why the server could not do its work; for its log alone, with status 500
  // Set: this is the answer only after `complete` was called. Never with a FileBody.
  std::shared_ptr<Deferral> deferral = {};
  // What the body takes of a budget; let go when the answer is about to be sent.
  std::shared_ptr<const void> share = {};
};

}  // namespace fedlog::http
