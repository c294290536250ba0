#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// The subset of CBOR (RFC 8949) that fedlog stores, in its deterministic encoding (4.2): shortest integers
// and lengths, definite lengths, map keys in order of their bytes. Floats are always 64 bits and there is one
// NaN. FORMAT.md, "Values".
namespace fedlog::storage::cbor {

// Appends items. The caller gives map keys in their order. Text that is not UTF-8 is stored with U+FFFD for
// each byte that does not fit, so that whatever was stored can be read by anyone.
class Writer {
 public:
  void unsigned_integer(std::uint64_t value);
  void integer(std::int64_t value);
  void number(double value);
  void boolean(bool value);
  void null();
  void text(std::string_view value);
  void bytes(std::string_view value);
  void array(std::size_t size);
  void map(std::size_t size);
  [[nodiscard]] std::string take() { return std::move(out_); }

 private:
  void head(std::uint8_t major, std::uint64_t value);

  std::string out_;
};

// Reads items of bytes that nobody trusts: what is not in deterministic form is an error. The first error
// sticks, every later read gives zero; no length is believed before it is compared with what is left. The
// bytes must outlive the reader.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  [[nodiscard]] std::uint64_t unsigned_integer();
  [[nodiscard]] std::int64_t integer();
  [[nodiscard]] double number();
  [[nodiscard]] bool boolean();
  [[nodiscard]] bool take_null();  // false, and nothing taken, where another item is next
  [[nodiscard]] std::string_view text();
  [[nodiscard]] std::string_view bytes();
  [[nodiscard]] std::size_t array();  // at most the number of bytes that are left
  [[nodiscard]] std::size_t map();
  void expect_key(std::string_view name);
  void expect_end();

  // The field that errors are about from here on.
  void enter(std::string_view field) { path_.push_back(field); }
  void leave() { path_.pop_back(); }

  void fail(std::string message);
  [[nodiscard]] bool ok() const { return !error_; }
  [[nodiscard]] const std::optional<std::string>& error() const { return error_; }

 private:
  struct Head {
    std::uint8_t major = 0;
    std::uint64_t value = 0;
  };
  [[nodiscard]] std::optional<Head> head(std::string_view wanted);
  [[nodiscard]] std::string_view take(std::uint64_t size);

  std::string_view rest_;
  std::vector<std::string_view> path_;
  std::optional<std::string> error_;
};

// The length of the UTF-8 character that `text` starts with; 0 where it starts with none.
[[nodiscard]] std::size_t utf8_character_size(std::string_view text);

}  // namespace fedlog::storage::cbor
