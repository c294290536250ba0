#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>

#include "actors/delivery.h"
#include "actors/delivery_turns.h"

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
    // Between two changes of an endpoint that make what waits go out at once.
    std::chrono::milliseconds move_pause{10'000};
    // The host and port that a receiver is posted to; asked when it changes, too. Empty: shared with nobody.
    std::function<std::string(domain::UserId)> place_of = {};
  };

  // To be posted now; conclude() says what came of it.
  struct ToAttempt {
    storage::OutboxRow row;
  };
  using Step = std::variant<ToAttempt, Settlement>;

  explicit DeliverySchedule(Options options)
      : options_(std::move(options)), turns_(options_.concurrency, options_.concurrency_per_receiver) {}

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

  // The receiver is somewhere else now: what waits for it is tried at once, or a pause after the change
  // before, and its old failures are forgotten. Of the attempts under way only a success counts.
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
    DeliveryTurns::Slot slot;  // of the attempt under way
  };

  // A receiver that does not answer, whichever lane it is asked on.
  struct Silence {
    Instant since;
    Instant last;  // the latest attempt without an answer
  };

  using Due = std::pair<Instant, domain::TrainingId>;

  struct Receiver {
    std::map<domain::TrainingId, Lane> lanes;
    std::set<Due> due;  // the lanes that wait
    std::size_t under_way = 0;
    std::uint64_t fetched_up_to = 0;
    std::string place;
    std::optional<Silence> silence;
    bool answers = false;                    // the latest attempt was answered
    Instant followed_move = Instant::min();  // when what waited was tried at once, or will be
  };
  using Receivers = std::map<domain::UserId, Receiver>;

  Receiver& receiver_of(domain::UserId id);
  [[nodiscard]] std::string place_of(domain::UserId id) const;
  void give_turn(domain::UserId id, const Receiver& receiver);
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
  DeliveryTurns turns_;
  Receivers receivers_;  // whoever answered or was silent stays known
  std::deque<Settlement> settlements_;
  std::uint64_t last_added_ = 0;
};

}  // namespace fedlog::actors
