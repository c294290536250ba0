#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace fedlog::simulation {

// How often each kind of thing happened, by its name in words.
class Happenings {
 public:
  void count(const std::string& what, std::uint64_t times = 1) { counts_[what] += times; }

  void add(const Happenings& others) {
    for (const auto& [what, times] : others.counts_) count(what, times);
  }

  [[nodiscard]] std::uint64_t of(const std::string& what) const {
    const auto found = counts_.find(what);
    return found == counts_.end() ? 0 : found->second;
  }

  [[nodiscard]] std::string text() const {
    std::string lines;
    for (const auto& [what, times] : counts_) lines += "  " + std::to_string(times) + "  " + what + "\n";
    return lines;
  }

 private:
  std::map<std::string, std::uint64_t> counts_;
};

}  // namespace fedlog::simulation
