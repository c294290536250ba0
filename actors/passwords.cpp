#include "actors/passwords.h"

#include <sodium.h>

#include <algorithm>
#include <new>
#include <stdexcept>

namespace fedlog::actors {
namespace {

constexpr std::size_t remembered_max = 10'000;

class Turn {
 public:
  explicit Turn(std::counting_semaphore<64>& places) : places_(places) { places_.acquire(); }
  ~Turn() { places_.release(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  std::counting_semaphore<64>& places_;
};

}  // namespace

Passwords::Passwords(Options options)
    : options_(options), free_threads_(std::clamp<std::ptrdiff_t>(options.threads, 1, 64)) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot be initialised");
  randombytes_buf(key_.data(), key_.size());
  nobodys_hash_ = hash("nobody's password");
}

std::string Passwords::hash(std::string_view password) {
  const Turn turn{free_threads_};
  std::array<char, crypto_pwhash_STRBYTES> encoded{};
  if (crypto_pwhash_str_alg(encoded.data(), password.data(), password.size(), options_.passes,
                            options_.memory_kib * 1024, crypto_pwhash_ALG_ARGON2ID13) != 0) {
    throw std::bad_alloc();
  }
  return encoded.data();
}

bool Passwords::verify(domain::UserId user, std::string_view password,
                       const std::optional<std::string>& encoded) {
  const auto& against = encoded ? *encoded : nobodys_hash_;
  const auto print = fingerprint(user, password, against);
  if (encoded && remembers(print)) return true;
  const Turn turn{free_threads_};
  const bool right = crypto_pwhash_str_verify(against.c_str(), password.data(), password.size()) == 0;
  if (right && encoded) remember(print);
  return right && encoded;
}

Passwords::Fingerprint Passwords::fingerprint(domain::UserId user, std::string_view password,
                                              std::string_view encoded) const {
  crypto_generichash_state state;
  std::string print(crypto_generichash_BYTES, '\0');
  const auto update = [&](const void* bytes, std::size_t size) {
    crypto_generichash_update(&state, static_cast<const unsigned char*>(bytes), size);
  };
  crypto_generichash_init(&state, key_.data(), key_.size(), print.size());
  update(user.uuid.bytes.data(), user.uuid.bytes.size());
  update(encoded.data(), encoded.size());  // a changed password forgets the old one
  update(password.data(), password.size());
  crypto_generichash_final(&state, reinterpret_cast<unsigned char*>(print.data()), print.size());
  return print;
}

bool Passwords::remembers(const Fingerprint& fingerprint) {
  const std::lock_guard lock{mutex_};
  const auto found = verified_.find(fingerprint);
  return found != verified_.end() && std::chrono::steady_clock::now() < found->second;
}

void Passwords::remember(const Fingerprint& fingerprint) {
  const std::lock_guard lock{mutex_};
  const auto now = std::chrono::steady_clock::now();
  if (verified_.size() >= remembered_max) {
    std::erase_if(verified_, [&](const auto& entry) { return entry.second <= now; });
    if (verified_.size() >= remembered_max) verified_.clear();
  }
  verified_[fingerprint] = now + options_.remember;
}

}  // namespace fedlog::actors
