#include "storage/personal_cipher.h"

#include <sodium.h>

#include <array>

namespace fedlog::storage {
namespace {

constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr char derivation_context[] = "fedlogPD";  // stored: the keys below depend on it; never change
constexpr std::uint64_t cipher_key_number = 1;     // stored; never renumber
constexpr std::uint64_t nonce_key_number = 2;      // stored; never renumber

const unsigned char* data_of(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::array<unsigned char, 32> derived(const UserKey& key, std::uint64_t number) {
  std::array<unsigned char, 32> out{};
  crypto_kdf_derive_from_key(out.data(), out.size(), number, derivation_context, key.data());
  return out;
}

std::array<unsigned char, nonce_bytes> nonce_of(const UserKey& key, std::string_view place,
                                                std::string_view text) {
  const auto nonce_key = derived(key, nonce_key_number);
  const auto place_size = static_cast<std::uint64_t>(place.size());
  std::array<unsigned char, nonce_bytes> nonce{};
  crypto_generichash_state state;
  crypto_generichash_init(&state, nonce_key.data(), nonce_key.size(), nonce.size());
  for (int shift = 0; shift < 64; shift += 8) {  // the size first: place and text cannot run into each other
    const auto byte = static_cast<unsigned char>(place_size >> shift);
    crypto_generichash_update(&state, &byte, 1);
  }
  crypto_generichash_update(&state, data_of(place), place.size());
  crypto_generichash_update(&state, data_of(text), text.size());
  crypto_generichash_final(&state, nonce.data(), nonce.size());
  return nonce;
}

}  // namespace

std::string seal_personal(const UserKey& key, std::string_view place, std::string_view text) {
  const auto nonce = nonce_of(key, place, text);
  const auto cipher_key = derived(key, cipher_key_number);
  std::string sealed(nonce.begin(), nonce.end());
  sealed.resize(nonce_bytes + text.size() + tag_bytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(reinterpret_cast<unsigned char*>(sealed.data()) + nonce_bytes,
                                             nullptr, data_of(text), text.size(), data_of(place),
                                             place.size(), nullptr, nonce.data(), cipher_key.data());
  return sealed;
}

std::optional<std::string> open_personal(const UserKey& key, std::string_view place,
                                         std::string_view sealed) {
  if (sealed.size() < nonce_bytes + tag_bytes) return std::nullopt;
  const auto cipher_key = derived(key, cipher_key_number);
  std::string text(sealed.size() - nonce_bytes - tag_bytes, '\0');
  const int result = crypto_aead_xchacha20poly1305_ietf_decrypt(
      reinterpret_cast<unsigned char*>(text.data()), nullptr, nullptr, data_of(sealed) + nonce_bytes,
      sealed.size() - nonce_bytes, data_of(place), place.size(), data_of(sealed), cipher_key.data());
  if (result != 0) return std::nullopt;
  return text;
}

}  // namespace fedlog::storage
