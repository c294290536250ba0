#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "storage/envelope.h"

namespace fedlog::storage {

// An envelope's stored bytes: deterministic CBOR of all its fields. FORMAT.md, "Envelope".
[[nodiscard]] std::string encode_envelope(const Envelope& envelope);

// The error says which field does not fit. Does not compare the hash.
[[nodiscard]] std::expected<Envelope, std::string> decode_envelope(std::string_view bytes);

// SHA-256 of the deterministic CBOR of all fields but `hash`.
[[nodiscard]] Hash hash_of(const Envelope& envelope);

}  // namespace fedlog::storage
