#include "actors/password_hashing.h"

#include <sodium.h>

#include <array>
#include <new>
#include <stdexcept>

namespace fedlog::actors {

Argon2id::Argon2id(std::size_t memory_kib, std::uint64_t passes) : memory_kib_(memory_kib), passes_(passes) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot be initialised");
}

std::string Argon2id::hash(std::string_view password) const {
  std::array<char, crypto_pwhash_STRBYTES> encoded{};
  if (crypto_pwhash_str_alg(encoded.data(), password.data(), password.size(), passes_, memory_kib_ * 1024,
                            crypto_pwhash_ALG_ARGON2ID13) != 0) {
    throw std::bad_alloc();
  }
  return encoded.data();
}

bool Argon2id::matches(const std::string& encoded, std::string_view password) const {
  return crypto_pwhash_str_verify(encoded.c_str(), password.data(), password.size()) == 0;
}

}  // namespace fedlog::actors
