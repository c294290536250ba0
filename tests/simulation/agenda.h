#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

namespace fedlog::simulation {

using Clock = std::chrono::steady_clock;  // its types only: nobody reads it
using Instant = Clock::time_point;
using Duration = Clock::duration;

// What will happen, by virtual time, and in the order of asking where the times are the same. Time goes from
// one thing to the next and does not pass otherwise.
class Agenda {
 public:
  using Action = std::move_only_function<void()>;

  // Whose plan it is: the world's own, or a life of the server, which takes its plans with it when it ends.
  using Life = std::uint64_t;
  static constexpr Life world = 0;

  [[nodiscard]] Instant now() const { return now_; }

  void after(Duration wait, Life life, Action action) { at(now_ + wait, life, std::move(action)); }

  // In the past: now.
  void at(Instant time, Life life, Action action) {
    plans_.emplace(std::pair{std::max(time, now_), ++asked_}, Plan{life, std::move(action)});
  }

  // Drops the plans of a life that ended. What they hold is destroyed once none of them is left here.
  void end(Life life) {
    std::map<Key, Plan> ended;
    for (auto plan = plans_.begin(); plan != plans_.end();) {
      const auto next = std::next(plan);
      if (plan->second.life == life) ended.insert(plans_.extract(plan));
      plan = next;
    }
  }

  void clear() { std::exchange(plans_, {}).clear(); }

  [[nodiscard]] bool empty() const { return plans_.empty(); }
  [[nodiscard]] Instant next() const { return plans_.begin()->first.first; }

  // Goes to the next thing and does it.
  void step() {
    auto plan = plans_.extract(plans_.begin());
    now_ = plan.key().first;
    plan.mapped().action();
  }

 private:
  struct Plan {
    Life life;
    Action action;
  };
  using Key = std::pair<Instant, std::uint64_t>;

  Instant now_{};
  std::uint64_t asked_ = 0;
  std::map<Key, Plan> plans_;
};

}  // namespace fedlog::simulation
