#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <semaphore>
#include <string>
#include <string_view>
#include <unordered_map>

#include "domain/identifiers.h"

namespace fedlog::actors {

// Hashes and verifies passwords with Argon2id (RFC 9106). Each hash costs processor time and memory on
// purpose, so only a few are computed at once and the rest wait: a flood of wrong passwords cannot occupy the
// machine. A pair that was verified is remembered for a short time under a keyed hash, for clients that send
// it with every request. Any thread.
class Passwords {
 public:
  struct Options {
    std::size_t memory_kib = 19'456;
    std::uint64_t passes = 2;
    std::ptrdiff_t threads = 1;
    std::chrono::seconds remember{60};
  };

  explicit Passwords(Options options);

  // In the encoded form that says its own parameters: "$argon2id$v=19$...". Throws std::bad_alloc without
  // memory for it.
  [[nodiscard]] std::string hash(std::string_view password);

  // Whether `password` is the one that `encoded` was made of; none is no user's, and costs the same time.
  [[nodiscard]] bool verify(domain::UserId user, std::string_view password,
                            const std::optional<std::string>& encoded);

 private:
  using Fingerprint = std::string;

  [[nodiscard]] Fingerprint fingerprint(domain::UserId user, std::string_view password,
                                        std::string_view encoded) const;
  [[nodiscard]] bool remembers(const Fingerprint& fingerprint);
  void remember(const Fingerprint& fingerprint);

  Options options_;
  std::counting_semaphore<64> free_threads_;
  std::array<std::uint8_t, 32> key_{};  // of the fingerprints; lives as long as this process
  std::string nobodys_hash_;
  std::mutex mutex_;
  std::unordered_map<Fingerprint, std::chrono::steady_clock::time_point> verified_;  // until when
};

}  // namespace fedlog::actors
