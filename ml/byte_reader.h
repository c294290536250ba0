#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace fedlog::ml {

using Bytes = std::span<const std::byte>;

// Little-endian integer at `offset`. The caller has checked that it lies inside `bytes`.
template <typename Integer>
[[nodiscard]] Integer load_little_endian(Bytes bytes, std::size_t offset) {
  static_assert(std::endian::native == std::endian::little, "stored numbers are little-endian");
  Integer value;
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

// Whether [offset, offset + length) lies inside `size` bytes, without overflow.
[[nodiscard]] constexpr bool fits(std::uint64_t offset, std::uint64_t length, std::uint64_t size) {
  return offset <= size && length <= size - offset;
}

[[nodiscard]] inline std::string_view as_text(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace fedlog::ml
