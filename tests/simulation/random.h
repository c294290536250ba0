#pragma once

#include <cstdint>
#include <span>

#include "domain/identifiers.h"

namespace fedlog::simulation {

// All chance of a world, from one seed: the same numbers on every machine. (SplitMix64, as the domain's.)
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15U;
    auto mixed = state_;
    mixed = (mixed ^ (mixed >> 30U)) * 0xbf58476d1ce4e5b9U;
    mixed = (mixed ^ (mixed >> 27U)) * 0x94d049bb133111ebU;
    return mixed ^ (mixed >> 31U);
  }

  // 0 .. count - 1; count is small, so that no number is noticeably favoured.
  std::uint64_t below(std::uint64_t count) { return next() % count; }

  // least .. most
  std::int64_t between(std::int64_t least, std::int64_t most) {
    return least + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(most - least + 1)));
  }

  double uniform() { return static_cast<double>(next() >> 11U) * 0x1.0p-53; }

  [[nodiscard]] bool in_percent(unsigned percent) { return below(100) < percent; }

  template <class Items>
  auto& pick(Items& items) {
    return items[below(items.size())];
  }

  domain::Uuid uuid() {
    domain::Uuid made;
    for (auto& byte : made.bytes) byte = static_cast<std::uint8_t>(next());
    return made;
  }

 private:
  std::uint64_t state_;
};

}  // namespace fedlog::simulation
