#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "actors/delivery.h"
#include "actors/delivery_schedule.h"
#include "actors/endpoint.h"
#include "actors/gateway.h"
#include "actors/webhook.h"
#include "storage/views.h"

namespace fedlog::actors {

// Delivers what the outbox holds, at least once: start() begins with what a restart left pending. What goes
// out when is the DeliverySchedule's to say; here are the threads, the clock and the network. Receivers that
// ask for their notifications themselves are never posted to. Destroying it ends the attempts under way.
// Any thread.
class Notifier {
 public:
  struct Options {
    std::chrono::milliseconds connect_timeout{3'000};
    std::chrono::milliseconds read_timeout{30'000};
    std::chrono::milliseconds total_timeout{45'000};
    RetryPolicy retry = {};
    std::size_t concurrency = 32;
    std::size_t concurrency_per_receiver = 2;
    std::size_t pings_max = 8;  // at once; whoever pings holds a thread of its own
    std::chrono::milliseconds poll_span{3'600'000};
    Webhook::Permits permits = {};  // empty: every address
  };

  // `recorded` is called once the outcome is durable or the training is gone; until then, or for ever, the
  // receiver hears no more of that training.
  using Settlement = actors::Settlement;
  using Settle = std::function<void(Settlement, std::function<void()> recorded)>;
  // The secret to sign a user's notifications with; none: it has none, or it cannot be read.
  using SecretOf = std::function<std::optional<std::string>(domain::UserId)>;
  // Makes one attempt, and may block; not once it is cut off, if it can be (else null).
  using Send = std::function<Attempt(const Endpoint&, const WebhookMessage&, const Interruption* cut_off)>;

  // `views` must outlive it. Without `secret_of` nobody has a secret; without `send` it is HTTP.
  Notifier(const storage::Views& views, const Options& options, Settle settle, SecretOf secret_of = {},
           Send send = {});
  ~Notifier();
  Notifier(const Notifier&) = delete;
  Notifier& operator=(const Notifier&) = delete;

  // Begins to deliver, once everything that a settlement leads to is in its place. Once only.
  void start();

  // The outbox may have new rows. Before start() too; never blocks on the network.
  void outbox_grew();

  // The receiver has all its notifications up to this position of the log, or is being handed them: those
  // that are pending are settled as delivered, in their order, soon after. Never blocks on the network. For
  // whoever asks for notifications, both with the position that it asks after, and with that of the last one
  // that it is then given: what was handed out is no longer waited for, even if its receiver is at work on it
  // for long.
  void fetched(domain::UserId receiver, std::uint64_t up_to_position);

  // The receiver has another endpoint, or another secret: what waits for it is tried again at once, and so
  // is what is on its way to the old one, which is cut off.
  void endpoint_changed(domain::UserId receiver);

  // How the first pending notification of a training to a receiver stands; none: nothing is pending.
  [[nodiscard]] std::optional<PendingDelivery> pending(domain::UserId receiver, domain::TrainingId training);

  // Posts a message that means nothing to the user's endpoint, once, and waits for the answer: as long as an
  // attempt may take. Where there is nothing to post to, the answer says so. Rejection: throttled, while
  // another ping to this user is under way, or many to others.
  [[nodiscard]] Result<PingAnswer> ping(const domain::User& user);

  // Ends the attempts under way and makes no more. What is settled may still be recorded afterwards.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;
  class UnderWay;

  void work(const std::stop_token& stop);
  [[nodiscard]] bool has_something_before(Clock::time_point due) const;
  [[nodiscard]] Attempt attempt(const storage::OutboxRow& row);
  [[nodiscard]] Attempt post(const domain::User& user, const std::string& delivery, std::string body,
                             const Interruption* cut_off);
  [[nodiscard]] DeliverySchedule::Options schedule_options() const;
  [[nodiscard]] std::string place_of(domain::UserId receiver) const;
  [[nodiscard]] bool begin_ping(domain::UserId user);
  void record(Settlement settlement);
  void recorded(const storage::OutboxRow& row);
  void read_outbox();
  void read_new_rows();

  const storage::Views& views_;
  const Options options_;
  Settle settle_;
  SecretOf secret_of_;
  const std::shared_ptr<Interruption> interruption_ = std::make_shared<Interruption>();
  Send send_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  DeliverySchedule schedule_;
  std::uint64_t read_up_to_ = 0;
  bool unread_ = true;
  std::minstd_rand random_{std::random_device{}()};
  std::set<domain::UserId> pinged_;                         // right now
  std::multimap<domain::UserId, Interruption*> under_way_;  // what cuts off the attempts to a receiver
  std::vector<std::jthread> threads_;
};

}  // namespace fedlog::actors
