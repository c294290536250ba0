#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace fedlog::http {

// What the head of a part says.
struct PartHead {
  std::string name;
  // A part with a file name, even an empty one, is a file.
  std::optional<std::string> filename;
  std::string content_type;
};

struct MultipartLimits {
  std::size_t parts_max = 1000;
  std::size_t part_head_bytes_max = 8 * 1024;
  std::size_t boundary_bytes_max = 200;
};

// A push parser for multipart/form-data (RFC 7578). Feed it the body in pieces of any size; it calls back
// with each part's head, its bytes in pieces, and its end. Its memory does not grow with the body. It reads
// what real clients send: no CRLF after the last boundary, a preamble and an epilogue, parameters in any
// order, quoted or not. A callback that returns false stops the parsing; so does the first error, which every
// later call repeats.
class MultipartParser {
 public:
  struct Callbacks {
    std::function<bool(const PartHead&)> on_part;
    std::function<bool(std::string_view)> on_data;
    std::function<bool()> on_part_end;
  };

  // `boundary` as in the Content-Type parameter.
  MultipartParser(std::string_view boundary, Callbacks callbacks, MultipartLimits limits = {});

  enum class Stop { malformed, by_callback };
  struct Error {
    Stop stop;
    // What is wrong, for the client. Empty for by_callback.
    std::string message;
  };
  [[nodiscard]] std::expected<void, Error> feed(std::string_view bytes);
  // Call at the end of the body: an error if the last boundary never came.
  [[nodiscard]] std::expected<void, Error> finish();

 private:
  enum class State { preamble, after_delimiter, head, data, epilogue };
  enum class Progress { go_on, needs_more };

  // Each takes what it can from the front of `rest`.
  [[nodiscard]] std::expected<Progress, Error> step(std::string_view& rest);
  [[nodiscard]] std::expected<Progress, Error> search_delimiter(std::string_view& rest);
  [[nodiscard]] std::expected<Progress, Error> read_after_delimiter(std::string_view& rest);
  [[nodiscard]] std::expected<Progress, Error> read_head(std::string_view& rest);

  std::string delimiter_;
  Callbacks callbacks_;
  MultipartLimits limits_;
  State state_ = State::preamble;
  bool in_part_ = false;
  std::size_t parts_ = 0;
  // What could not be taken yet: less than a delimiter, or a part's head so far.
  std::string buffer_;
  std::optional<Error> failed_;
};

// Reads the lines of a part's head. An error if it has no form-data disposition with a name.
[[nodiscard]] std::expected<PartHead, std::string> parse_part_head(std::string_view head);

}  // namespace fedlog::http
