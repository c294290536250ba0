#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "domain/identifiers.h"

namespace fedlog::actors {

// Whose turn it is to be posted to, so that endpoints that hang do not hold all the attempts. Of
// `concurrency` attempts at once, at most half go to receivers that are silent; these, and those that have
// not been asked yet, have at most three quarters together, and of those who share a place (a host and its
// port) at most a quarter, or what one receiver may have. Who answered the latest attempt is held back by
// nothing but the whole. For one thread at a time.
class DeliveryTurns {
 public:
  using Instant = std::chrono::steady_clock::time_point;
  using Turn = std::pair<Instant, domain::UserId>;

  enum class Standing : std::size_t {
    unknown,  // nothing came of an attempt yet
    silent,   // the latest had no answer
    answers,
  };

  // What an attempt holds while it is under way.
  struct Slot {
    Standing standing = Standing::unknown;
    std::string place;
  };

  DeliveryTurns(std::size_t concurrency, std::size_t concurrency_per_receiver);

  // The receiver may be asked from `at` on; instead of what was said of it before.
  void queue(domain::UserId receiver, Instant at, Standing standing, const std::string& place);
  void withdraw(domain::UserId receiver);

  // Of the receivers that may be asked now as far as the slots go, the one that has waited longest.
  [[nodiscard]] std::optional<Turn> next() const;

  // An attempt to a receiver in the queue begins, and it leaves the queue. The slot is for end().
  [[nodiscard]] Slot begin(domain::UserId receiver);
  void end(const Slot& slot);

 private:
  static constexpr std::size_t limited = 2;  // the standings before `answers`

  struct Entry {
    Instant at;
    Slot slot;
  };

  struct Place {
    std::array<std::set<Turn>, limited> waiting;
    std::array<std::optional<Turn>, limited> first;  // as it stands in firsts_
    std::size_t under_way = 0;
  };
  using Places = std::map<std::string, Place>;

  void update(Places::iterator place);

  const std::size_t concurrency_;
  const std::size_t silent_max_;
  const std::size_t limited_max_;
  const std::size_t place_max_;
  std::map<domain::UserId, Entry> entries_;
  std::set<Turn> answering_;
  Places places_;                               // with somebody who waits, or an attempt under way
  std::array<std::set<Turn>, limited> firsts_;  // of each place that has a slot left
  std::array<std::size_t, limited + 1> under_way_{};
};

}  // namespace fedlog::actors
