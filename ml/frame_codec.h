#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "ml/worker_protocol.h"

// The bytes of a frame between server and model worker; worker_protocol.cpp says which stand where.
namespace fedlog::ml {

// Puts values together to a frame, as they are in memory.
class FrameWriter {
 public:
  template <class Number>
  void number(Number value) {
    bytes(std::as_bytes(std::span(&value, 1)));
  }
  void flag(bool value) { number(static_cast<std::uint8_t>(value)); }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes(std::as_bytes(std::span(value)));
  }
  void bytes(std::span<const std::byte> value) { frame_.insert(frame_.end(), value.begin(), value.end()); }
  [[nodiscard]] Frame take() { return std::move(frame_); }

 private:
  Frame frame_;
};

// Reads what a FrameWriter wrote. After the first thing that does not fit, every read gives nothing and
// failure() says why.
class FrameReader {
 public:
  explicit FrameReader(std::span<const std::byte> frame) : rest_(frame) {}

  template <class Number>
  Number number() {
    Number value{};
    const auto from = bytes(sizeof(Number));
    if (!from.empty()) std::memcpy(&value, from.data(), sizeof(Number));
    return value;
  }
  bool flag() {
    const auto value = number<std::uint8_t>();
    if (value > 1) fail("a flag is neither 0 nor 1");
    return value == 1;
  }
  std::uint32_t count(std::size_t limit, const char* what) {
    const auto value = number<std::uint32_t>();
    if (value > limit) {
      fail(std::string("too many ") + what);
      return 0;
    }
    return value;
  }
  std::string text(std::size_t limit) {
    const auto size = number<std::uint32_t>();
    if (size > limit) {
      fail("a text is too long");
      return {};
    }
    const auto from = bytes(size);
    return {reinterpret_cast<const char*>(from.data()), from.size()};
  }
  std::span<const std::byte> bytes(std::size_t size) {
    if (!failure_.empty() || size > rest_.size()) {
      fail("the frame is cut off");
      return {};
    }
    const auto value = rest_.first(size);
    rest_ = rest_.subspan(size);
    return value;
  }
  void fail(std::string reason) {
    if (failure_.empty()) failure_ = std::move(reason);
  }
  [[nodiscard]] bool failed() const { return !failure_.empty(); }
  // The whole frame has to be read by then.
  [[nodiscard]] const std::string& finish() {
    if (!rest_.empty()) fail("the frame has bytes left over");
    return failure_;
  }

 private:
  std::span<const std::byte> rest_;
  std::string failure_;
};

}  // namespace fedlog::ml
