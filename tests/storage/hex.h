#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace fedlog::storage::testing {

inline std::string to_hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string hex;
  for (const char byte : bytes) {
    hex += digits[static_cast<std::uint8_t>(byte) >> 4];
    hex += digits[static_cast<std::uint8_t>(byte) & 15];
  }
  return hex;
}

inline std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (std::size_t index = 0; index + 1 < hex.size(); index += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(index, 2)), nullptr, 16));
  }
  return bytes;
}

}  // namespace fedlog::storage::testing
