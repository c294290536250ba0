#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <variant>

#include "actors/delivery.h"

namespace fedlog::actors {

// Which notification is to be posted next, and what follows from each attempt: the notifier without its
// threads, clock, chance and network. The notifications of a training to a receiver are a lane and go out in
// their order, each only after the one before it is settled and recorded. An endpoint that does not answer
// takes few of the attempts at once however many lanes lead to it, and all such endpoints together at most
// half of them. For one thread at a time. Instants that are handed in never go back.
class DeliverySchedule {
 public:
  using Instant = std::chrono::steady_clock::time_point;

  struct Options {
    RetryPolicy retry = {};
    std::size_t concurrency = 32;              // attempts under way at once
    std::size_t concurrency_per_receiver = 2;  // of those, to one receiver
    std::chrono::milliseconds poll_span{3'600'000};
  };

  // To be posted now; conclude() says what came of it.
  struct ToAttempt {
    storage::OutboxRow row;
  };
  using Step = std::variant<ToAttempt, Settlement>;

  explicit DeliverySchedule(Options options) : options_(options) {}

  // A pending row of the outbox; in order of position, each once.
  void add(const storage::OutboxRow& row, Instant now);

  // What is to be done now. A settlement is to be recorded; then recorded() lets its lane go on.
  [[nodiscard]] std::optional<Step> next(Instant now);

  // When next() has something to say, as long as nothing else is called; none: never.
  [[nodiscard]] std::optional<Instant> next_due() const;

  // What came of an attempt that next() asked for. The settlement, if there is one, is to be recorded.
  // `random` is uniform in [0, 1).
  [[nodiscard]] std::optional<Settlement> conclude(const storage::OutboxRow& row, const Attempt& made,
                                                   Instant now, double random);

  // The settlement of `row` is durable, or its training is gone.
  void recorded(const storage::OutboxRow& row, Instant now);

  // The receiver has everything up to this position, or is being handed it: what is pending up to there is
  // settled as delivered, without an attempt.
  void fetched(domain::UserId receiver, std::uint64_t up_to_position);

  // The receiver is somewhere else now: what waits for it is tried at once, and its old failures are
  // forgotten.
  void endpoint_changed(domain::UserId receiver, Instant now);

  // Of the first pending notification of a training to a receiver. `wall` is what the clock on the wall says
  // at `now`.
  [[nodiscard]] std::optional<PendingDelivery> pending(domain::UserId receiver, domain::TrainingId training,
                                                       Instant now, domain::Timestamp wall) const;

 private:
  struct Waiting {
    storage::OutboxRow row;
    Instant added;
  };

  // What is kept of attempts is about the first row.
  struct Lane {
    std::deque<Waiting> rows;
    PendingDelivery::State state = PendingDelivery::State::waiting;
    Instant due;
    int attempts = 0;
    int failures = 0;
    Instant failing_since;
    Attempt last;
    bool moved = false;        // its receiver has, while the attempt was under way
    bool silent_slot = false;  // its attempt is one of those to receivers that do not answer
  };

  // A receiver that does not answer, whichever lane it is asked on.
  struct Silence {
    Instant since;
    Instant last;  // the latest attempt without an answer
  };

  using Due = std::pair<Instant, domain::TrainingId>;
  using Turn = std::pair<Instant, domain::UserId>;

  struct Receiver {
    std::map<domain::TrainingId, Lane> lanes;
    std::set<Due> due;  // the lanes that wait
    std::size_t under_way = 0;
    std::uint64_t fetched_up_to = 0;
    std::optional<Silence> silence;
    std::optional<Turn> turn;  // its place in one of the two queues
    bool turn_is_silent = false;
  };

  [[nodiscard]] std::set<Turn>& turns(bool silent) { return silent ? silent_turns_ : turns_; }
  [[nodiscard]] const Turn* next_turn() const;
  void give_turn(domain::UserId id, Receiver& receiver);
  static void wait(Receiver& receiver, domain::TrainingId training, PendingDelivery::State state,
                   Instant due);
  static void stop_waiting(Receiver& receiver, domain::TrainingId training, PendingDelivery::State state);
  void settle_if_fetched(Receiver& receiver, domain::TrainingId training);
  void note_silence(Receiver& receiver, const Attempt& made, Instant now) const;
  [[nodiscard]] std::optional<Settlement> follow(Receiver& receiver, domain::TrainingId training,
                                                 const Attempt& made, Instant now, double random);
  [[nodiscard]] std::optional<Settlement> try_again(Receiver& receiver, domain::TrainingId training,
                                                    Instant now, double random) const;
  [[nodiscard]] std::optional<Settlement> wait_for_poll(Receiver& receiver, domain::TrainingId training,
                                                        Instant now) const;

  const Options options_;
  std::map<domain::UserId, Receiver> receivers_;
  std::set<Turn> turns_;         // receivers that may be asked, by the lane that has waited longest
  std::set<Turn> silent_turns_;  // of those, the ones that did not answer lately
  std::deque<Settlement> settlements_;
  std::size_t under_way_ = 0;
  std::size_t silent_under_way_ = 0;
  std::uint64_t last_added_ = 0;
};

}  // namespace fedlog::actors
