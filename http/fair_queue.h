#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace fedlog::http {

// Jobs, each of an origin: first in, first out for one origin, while origins take turns, so that one with
// many jobs delays another by one job at most. Not thread-safe.
class FairQueue {
 public:
  struct Entry {
    std::string origin;
    std::function<void()> job;
  };

  void push(std::string_view origin, std::function<void()> job);
  // The next job of the first origin, in turn, for which `is_allowed` holds.
  template <typename Predicate>
  [[nodiscard]] std::optional<Entry> pop(const Predicate& is_allowed) {
    for (auto turn = turns_.begin(); turn != turns_.end(); ++turn) {
      if (is_allowed((*turn)->first)) return take(turn);
    }
    return std::nullopt;
  }

  [[nodiscard]] std::size_t size() const { return size_; }

 private:
  using Lanes = std::map<std::string, std::list<std::function<void()>>, std::less<>>;
  using Turns = std::list<Lanes::iterator>;
  [[nodiscard]] Entry take(Turns::iterator turn);

  // Origins without jobs have no lane.
  Lanes lanes_;
  Turns turns_;
  std::size_t size_ = 0;
};

}  // namespace fedlog::http
