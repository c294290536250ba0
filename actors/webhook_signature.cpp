#include "actors/webhook_signature.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <stdexcept>

namespace fedlog::actors {

std::string webhook_signature(std::string_view secret, std::int64_t timestamp_s, std::string_view body) {
  const auto seconds = std::to_string(timestamp_s);
  const auto text = seconds + "." + std::string(body);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const auto* const bytes = reinterpret_cast<const unsigned char*>(text.data());
  if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes, text.size(), digest.data(),
           &size) == nullptr) {
    throw std::runtime_error("OpenSSL could not sign a notification");
  }
  auto result = "t=" + seconds + ",v1=";
  for (unsigned index = 0; index < size; ++index) {
    constexpr std::string_view digits = "0123456789abcdef";
    result += digits[digest[index] >> 4];
    result += digits[digest[index] & 0xF];
  }
  return result;
}

}  // namespace fedlog::actors
