#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace fedlog::storage {

// SHA-256 of what is added, piece by piece. One thread at a time. Throws std::runtime_error where the
// cryptographic library fails, which it does on no input.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  void add(std::span<const std::byte> bytes);
  [[nodiscard]] std::array<std::uint8_t, 32> finish();  // once, at the end

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] std::array<std::uint8_t, 32> sha256(std::string_view bytes);

}  // namespace fedlog::storage
