#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "storage/key_ring.h"

namespace fedlog::storage {

// Encrypts text about a person under that person's key, bound to the place it is stored at: `place` must be
// the same on opening. XChaCha20-Poly1305 with a nonce that is a keyed hash of place and text, so that the
// same event always has the same bytes; all that equal bytes tell is that the same text stood at the same
// place.
[[nodiscard]] std::string seal_personal(const UserKey& key, std::string_view place, std::string_view text);

// None: not sealed under this key for this place, or damaged.
[[nodiscard]] std::optional<std::string> open_personal(const UserKey& key, std::string_view place,
                                                       std::string_view sealed);

}  // namespace fedlog::storage
