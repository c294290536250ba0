#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "domain/identifiers.h"

namespace fedlog::storage {

using UserKey = std::array<std::uint8_t, 32>;

// The keys under which personal fields are encrypted, one a user. Any thread.
class KeyRing {
 public:
  virtual ~KeyRing() = default;
  // None: the user is unknown or erased.
  [[nodiscard]] virtual std::optional<UserKey> key_of(domain::UserId user) const = 0;

  // 32 bytes by which personal text can be looked up where it must not be stored: the same for the same text,
  // meaningless without the data folder's key.
  [[nodiscard]] virtual std::string lookup_digest(std::string_view text) const = 0;
};

}  // namespace fedlog::storage
