#include "actors/passwords.h"

#include <sodium.h>

#include <stdexcept>
#include <utility>

namespace fedlog::actors {
namespace {

constexpr std::size_t remembered_max = 10'000;

}  // namespace

struct Passwords::Verification {
  std::optional<Verdict> verdict;
};

// The one who hashes for all that ask about the same pair meanwhile. Tells them its verdict when it goes,
// whatever happened.
class Passwords::Leader {
 public:
  // Called with the lock held.
  Leader(Passwords& passwords, const Fingerprint& pair) : passwords_(passwords), pair_(pair) {
    passwords_.under_way_.emplace(pair_, verification_);
  }
  ~Leader() {
    {
      const std::lock_guard lock{passwords_.mutex_};
      verification_->verdict = verdict;
      passwords_.under_way_.erase(pair_);
    }
    passwords_.decided_.notify_all();
  }
  Leader(const Leader&) = delete;
  Leader& operator=(const Leader&) = delete;

  Verdict verdict = Verdict::no_room;

 private:
  Passwords& passwords_;
  const Fingerprint& pair_;
  std::shared_ptr<Verification> verification_ = std::make_shared<Verification>();
};

Passwords::Passwords(Options options)
    : Passwords(options, std::make_unique<Argon2id>(options.memory_kib, options.passes),
                [] { return std::chrono::steady_clock::now(); }) {}

Passwords::Passwords(Options options, std::unique_ptr<PasswordHashing> hashing, Clock clock)
    : options_(options),
      hashing_(std::move(hashing)),
      clock_(std::move(clock)),
      queue_(options.threads, options.waiting_max),
      nobodys_hash_(hashing_->hash("nobody's password")) {
  if (sodium_init() < 0) throw std::runtime_error("libsodium cannot be initialised");
  randombytes_buf(key_.data(), key_.size());
}

std::optional<std::string> Passwords::hash(std::string_view password, bool for_stranger) {
  const auto turn = queue_.turn(for_stranger ? HashingQueue::Rank::suspect : HashingQueue::Rank::stranger);
  if (!turn) return std::nullopt;
  return hashing_->hash(password);
}

Passwords::Verdict Passwords::verify(std::string_view username, std::string_view password,
                                     const std::optional<std::string>& encoded, bool suspect) {
  const auto& against = encoded ? *encoded : nobodys_hash_;
  const auto pair = fingerprint(username, password, against);
  std::unique_lock lock{mutex_};
  if (encoded && remembers(pair)) return Verdict::right;
  const auto rank = verified_.contains(pair) ? HashingQueue::Rank::known
                    : suspect                ? HashingQueue::Rank::suspect
                                             : HashingQueue::Rank::stranger;
  if (const auto found = under_way_.find(pair); found != under_way_.end()) {
    const auto verification = found->second;
    return follow(lock, *verification, rank);
  }
  Leader leader{*this, pair};
  lock.unlock();
  const auto turn = queue_.turn(rank);
  if (!turn) return Verdict::no_room;
  const bool right = hashing_->matches(against, password) && encoded;
  leader.verdict = right ? Verdict::right : Verdict::wrong;
  if (right) remember(pair);
  return leader.verdict;
}

Passwords::Verdict Passwords::follow(std::unique_lock<std::mutex>& lock, Verification& verification,
                                     HashingQueue::Rank rank) {
  const auto place = queue_.place(rank);
  if (!place) return Verdict::no_room;
  decided_.wait(lock, [&] { return verification.verdict.has_value(); });
  lock.unlock();  // before the place is given back
  return *verification.verdict;
}

// The user's name and not only its hash: all unknown users have the same, and that a guess about one of them
// was just made must not show in another's.
Passwords::Fingerprint Passwords::fingerprint(std::string_view username, std::string_view password,
                                              std::string_view encoded) const {
  crypto_generichash_state state;
  Fingerprint print(crypto_generichash_BYTES, '\0');
  crypto_generichash_init(&state, key_.data(), key_.size(), print.size());
  for (const auto part : {encoded, username, password}) {  // a changed password forgets the old one
    const std::uint64_t size = part.size();
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(&size), sizeof size);
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(part.data()), part.size());
  }
  crypto_generichash_final(&state, reinterpret_cast<unsigned char*>(print.data()), print.size());
  return print;
}

// Called with the lock held. Each use keeps the pair for as long again.
bool Passwords::remembers(const Fingerprint& fingerprint) {
  const auto found = verified_.find(fingerprint);
  const auto now = clock_();
  if (found == verified_.end() || now >= found->second) return false;
  found->second = now + options_.remember;
  return true;
}

void Passwords::remember(const Fingerprint& fingerprint) {
  const std::lock_guard lock{mutex_};
  const auto now = clock_();
  if (verified_.size() >= remembered_max && !verified_.contains(fingerprint)) {
    std::erase_if(verified_, [&](const auto& entry) { return entry.second <= now; });
    if (verified_.size() >= remembered_max) verified_.clear();
  }
  verified_[fingerprint] = now + options_.remember;
}

}  // namespace fedlog::actors
