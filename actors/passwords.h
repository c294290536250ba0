#pragma once

#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "actors/hashing_queue.h"
#include "actors/password_hashing.h"

namespace fedlog::actors {

// Hashes and verifies passwords, a few at once, with a bounded queue: a flood of wrong passwords occupies
// neither the machine nor the threads that serve others. A pair that was verified is remembered for a short
// time under a keyed hash, for clients that send it with every request; what many requests ask about the same
// pair at once is hashed once. Any thread.
class Passwords {
 public:
  struct Options {
    std::size_t memory_kib = 19'456;
    std::uint64_t passes = 2;
    std::size_t threads = 1;
    std::size_t waiting_max = 32;
    std::chrono::seconds remember{60};
  };
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  explicit Passwords(Options options);
  Passwords(Options options, std::unique_ptr<PasswordHashing> hashing, Clock clock);

  // Nothing when too many wait already; for a stranger, who registers, few may wait, so that those who have
  // an account get in. Throws std::bad_alloc without memory for it.
  [[nodiscard]] std::optional<std::string> hash(std::string_view password, bool for_stranger);

  enum class Verdict { right, wrong, no_room };

  // Whether `password` is the one that `encoded` was made of; none is no user's, and costs the same time. Of
  // a `suspect`, few may wait. A remembered pair is right at once, whoever asks.
  [[nodiscard]] Verdict verify(std::string_view username, std::string_view password,
                               const std::optional<std::string>& encoded, bool suspect);

  // Threads that wait for a hash now.
  [[nodiscard]] std::size_t waiting() const { return queue_.waiting(); }

 private:
  using Fingerprint = std::string;
  struct Verification;
  class Leader;

  [[nodiscard]] Fingerprint fingerprint(std::string_view username, std::string_view password,
                                        std::string_view encoded) const;
  [[nodiscard]] bool remembers(const Fingerprint& fingerprint);
  void remember(const Fingerprint& fingerprint);
  [[nodiscard]] Verdict follow(std::unique_lock<std::mutex>& lock, Verification& verification,
                               HashingQueue::Rank rank);

  Options options_;
  std::unique_ptr<PasswordHashing> hashing_;
  Clock clock_;
  HashingQueue queue_;
  std::array<std::uint8_t, 32> key_{};  // of the fingerprints; lives as long as this process
  std::string nobodys_hash_;
  std::mutex mutex_;
  std::condition_variable decided_;
  // Until when each pair is right without hashing; after that it still tells who is no stranger.
  std::unordered_map<Fingerprint, std::chrono::steady_clock::time_point> verified_;
  std::unordered_map<Fingerprint, std::shared_ptr<Verification>> under_way_;
};

}  // namespace fedlog::actors
