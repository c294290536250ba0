#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace fedlog::storage {

using MasterKey = std::array<std::uint8_t, 32>;

// Seals what lies beside the log under the data folder's own key. Immutable; any thread.
class Vault {
 public:
  explicit Vault(const MasterKey& key);
  ~Vault();
  Vault(const Vault&) = delete;
  Vault& operator=(const Vault&) = delete;

  // `purpose` must be the same on unsealing; what was sealed for one cannot be passed off for another.
  [[nodiscard]] std::string seal(std::string_view purpose, std::string_view plain) const;
  [[nodiscard]] std::optional<std::string> unseal(std::string_view purpose, std::string_view sealed) const;

  // 32 bytes, the same for the same text, that tell nothing about it to whoever lacks the key.
  [[nodiscard]] std::string digest(std::string_view text) const;

 private:
  MasterKey cipher_key_{};
  MasterKey digest_key_{};
};

void fill_random(std::span<std::uint8_t> bytes);

}  // namespace fedlog::storage
