#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "actors/delivery.h"
#include "actors/endpoint.h"
#include "storage/views.h"

namespace fedlog::actors {

// Delivers what the outbox holds, at least once: start() begins with what a restart left pending. The
// notifications of a training to a receiver go out in their order, each only after the one before it is
// settled and recorded; different receivers never wait for each other, up to `concurrency` deliveries at
// once. Destroying it waits for the attempts under way.
class Notifier {
 public:
  struct Options {
    std::chrono::milliseconds connect_timeout{3'000};
    std::chrono::milliseconds read_timeout{30'000};
    RetryPolicy retry;
    std::size_t concurrency = 32;
  };

  // How a delivery ended. `recorded` is called once the outcome is durable or the training is gone; until
  // then, or for ever, the receiver hears no more of that training.
  struct Settlement {
    storage::OutboxRow row;
    domain::DeliveryOutcome outcome = domain::DeliveryOutcome::delivered;
    int status = 0;
    int attempts = 0;
    std::string detail;
  };
  using Settle = std::function<void(Settlement, std::function<void()> recorded)>;
  using Send = std::function<Attempt(const Endpoint&, const storage::OutboxRow&)>;

  // `views` must outlive it. `send` makes one attempt and may block; empty: over HTTP.
  Notifier(const storage::Views& views, Options options, Settle settle, Send send = {});
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  // Begins to deliver, once everything that a settlement leads to is in its place. Once only.
  void start();

  // The outbox may have new rows. Any thread, before start() too; never blocks on the network.
  void outbox_grew();

  // Waits for the attempts under way and makes no more. What is settled may still be recorded afterwards.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;

  // The notifications of one training to one receiver.
  struct Lane {
    std::deque<storage::OutboxRow> rows;
    bool busy = false;  // the first row is being attempted or recorded
    int attempts = 0;   // of the first row
    int failures = 0;   // in a row, over all rows
    Clock::time_point failing_since;
    Clock::time_point not_before;  // the next attempt
  };
  using Key = std::pair<domain::UserId, domain::TrainingId>;

  void work(const std::stop_token& stop);
  [[nodiscard]] std::map<Key, Lane>::iterator due_lane(Clock::time_point now);
  [[nodiscard]] Clock::time_point next_due() const;
  void attempt_safely(const Key& key, const storage::OutboxRow& row);
  void attempt(const Key& key, const storage::OutboxRow& row);
  // Without an attempt.
  void settle(const Key& key, const storage::OutboxRow& row, domain::DeliveryOutcome outcome,
              const std::string& detail);
  void conclude(const Key& key, const storage::OutboxRow& row, const Attempt& made);
  void recorded(const Key& key);
  void read_outbox();
  void read_new_rows();

  const storage::Views& views_;
  const Options options_;
  Settle settle_;
  Send send_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::map<Key, Lane> lanes_;
  std::uint64_t read_up_to_ = 0;
  bool unread_ = true;
  std::minstd_rand random_{std::random_device{}()};
  std::vector<std::jthread> threads_;
};

}  // namespace fedlog::actors
