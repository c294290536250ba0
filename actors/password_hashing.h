#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fedlog::actors {

// Makes of a password what may be stored of it. Any thread.
class PasswordHashing {
 public:
  virtual ~PasswordHashing() = default;

  // In an encoded form that says how it was made.
  [[nodiscard]] virtual std::string hash(std::string_view password) const = 0;
  [[nodiscard]] virtual bool matches(const std::string& encoded, std::string_view password) const = 0;
};

// RFC 9106, of libsodium: "$argon2id$v=19$...". Costs processor time and memory on purpose. What was made
// with other parameters matches all the same.
class Argon2id final : public PasswordHashing {
 public:
  // Throws std::runtime_error where libsodium does not start.
  Argon2id(std::size_t memory_kib, std::uint64_t passes);

  // Throws std::bad_alloc without memory for it.
  [[nodiscard]] std::string hash(std::string_view password) const override;
  [[nodiscard]] bool matches(const std::string& encoded, std::string_view password) const override;

 private:
  std::size_t memory_kib_;
  std::uint64_t passes_;
};

}  // namespace fedlog::actors
