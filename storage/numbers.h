#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fedlog::storage {

// Eight bytes, highest first, so that keys are in order of their numbers.
[[nodiscard]] inline std::string big_endian(std::uint64_t number) {
  std::string bytes(8, '\0');
  for (int index = 7; index >= 0; --index, number >>= 8) {
    bytes[static_cast<std::size_t>(index)] = static_cast<char>(number & 0xff);
  }
  return bytes;
}

// The number in the last eight bytes of `key`; 0 where it has fewer.
[[nodiscard]] inline std::uint64_t number_at_end(std::string_view key) {
  if (key.size() < 8) return 0;
  std::uint64_t number = 0;
  for (const char byte : key.substr(key.size() - 8)) number = number << 8 | static_cast<std::uint8_t>(byte);
  return number;
}

}  // namespace fedlog::storage
