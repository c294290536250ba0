#include "storage/vault.h"

#include <sodium.h>

#include <stdexcept>

namespace fedlog::storage {
namespace {

constexpr std::size_t nonce_bytes = crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;
constexpr std::size_t tag_bytes = crypto_aead_xchacha20poly1305_ietf_ABYTES;
constexpr char derivation_context[] = "fedlogMK";  // stored: the keys below depend on it; never change
constexpr std::uint64_t cipher_key_number = 1;     // stored; never renumber
constexpr std::uint64_t digest_key_number = 2;     // stored; never renumber

const unsigned char* data_of(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

void require_sodium() {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot be initialised");
}

}  // namespace

Vault::Vault(const MasterKey& key) {
  require_sodium();
  crypto_kdf_derive_from_key(cipher_key_.data(), cipher_key_.size(), cipher_key_number, derivation_context,
                             key.data());
  crypto_kdf_derive_from_key(digest_key_.data(), digest_key_.size(), digest_key_number, derivation_context,
                             key.data());
}

Vault::~Vault() {
  sodium_memzero(cipher_key_.data(), cipher_key_.size());
  sodium_memzero(digest_key_.data(), digest_key_.size());
}

std::string Vault::seal(std::string_view purpose, std::string_view plain) const {
  std::string sealed(nonce_bytes + plain.size() + tag_bytes, '\0');
  auto* out = reinterpret_cast<unsigned char*>(sealed.data());
  randombytes_buf(out, nonce_bytes);
  crypto_aead_xchacha20poly1305_ietf_encrypt(out + nonce_bytes, nullptr, data_of(plain), plain.size(),
                                             data_of(purpose), purpose.size(), nullptr, out,
                                             cipher_key_.data());
  return sealed;
}

std::optional<std::string> Vault::unseal(std::string_view purpose, std::string_view sealed) const {
  if (sealed.size() < nonce_bytes + tag_bytes) return std::nullopt;
  std::string plain(sealed.size() - nonce_bytes - tag_bytes, '\0');
  const int result = crypto_aead_xchacha20poly1305_ietf_decrypt(
      reinterpret_cast<unsigned char*>(plain.data()), nullptr, nullptr, data_of(sealed) + nonce_bytes,
      sealed.size() - nonce_bytes, data_of(purpose), purpose.size(), data_of(sealed), cipher_key_.data());
  if (result != 0) return std::nullopt;
  return plain;
}

std::string Vault::digest(std::string_view text) const {
  std::string out(32, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(out.data()), out.size(), data_of(text), text.size(),
                     digest_key_.data(), digest_key_.size());
  return out;
}

void fill_random(std::span<std::uint8_t> bytes) {
  require_sodium();
  randombytes_buf(bytes.data(), bytes.size());
}

}  // namespace fedlog::storage
