#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <expected>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "actors/execution_request.h"

namespace fedlog::actors {

// Requests that wait for a model worker, and whose turn it is. Callers take turns, however many requests each
// has waiting. Where there is no place left, a caller with less waiting gets the newest one of the caller
// with the most. Not thread-safe.
class WorkerQueue {
 public:
  using Ticket = std::uint64_t;
  struct Limits {
    std::size_t all = 16;
    // Of those, as many as one caller may have, and as many as one model may.
    std::size_t per_caller = 8;
    std::size_t per_model = 8;
  };

  explicit WorkerQueue(Limits limits) : limits_(limits) {}

  // A request that need not wait takes a turn of its caller's, too.
  void pass(const std::string& caller);
  // A place at the end, or why the request may not wait. Whose place it was before holds none any more.
  [[nodiscard]] std::expected<Ticket, ExecutionError> enter(const std::string& caller,
                                                            const std::string& model);
  [[nodiscard]] bool holds(Ticket ticket) const;
  // Whose turn it is among the callers that may go; of one caller the oldest.
  [[nodiscard]] std::optional<Ticket> next(
      const std::function<bool(const std::string& caller)>& may_go) const;
  // The turn was taken, or given up.
  void go(Ticket ticket);
  void leave(Ticket ticket);

  [[nodiscard]] std::size_t size() const { return queue_.size(); }

 private:
  // A caller has one turn in every round.
  struct Waiting {
    Ticket ticket = 0;
    std::uint64_t round = 0;
    std::string caller;
    std::string model;
  };
  using Place = std::deque<Waiting>::iterator;

  // The round of the caller's next turn. Those before it are remembered as long as they matter.
  std::uint64_t enter_round(const std::string& caller);
  void begin_round(std::uint64_t round);
  void give_up(Place place);
  // As many as `caller` has, of those for `model`, or of all.
  [[nodiscard]] std::size_t count(const std::string& caller, const std::string* model) const;
  // Whose newest request, of those for `model` or of all, gives way to one of this caller's; end() when
  // nobody has at least two more waiting than the caller, with whom it then shares.
  [[nodiscard]] Place who_gives_way(const std::string& caller, const std::string* model);

  Limits limits_;
  std::deque<Waiting> queue_;  // in order of arrival
  Ticket next_ticket_ = 0;
  std::uint64_t round_ = 0;  // of the turn that was taken last
  // The last round that a caller has a turn in; none before round_.
  std::map<std::string, std::uint64_t> entered_;
};

}  // namespace fedlog::actors
