#include "actors/notifier.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "actors/webhook.h"

namespace fedlog::actors {
namespace {

constexpr std::size_t outbox_page = 256;

}  // namespace

Notifier::Notifier(const storage::Views& views, Options options, Settle settle, Send send)
    : views_(views), options_(options), settle_(std::move(settle)), send_(std::move(send)) {
  if (!send_) {
    send_ = [this](const Endpoint& endpoint, const storage::OutboxRow& row) {
      return post_webhook(endpoint, row,
                          {.connect = options_.connect_timeout, .answer = options_.read_timeout});
    };
  }
}

Notifier::~Notifier() {
  stop();
}

void Notifier::start() {
  for (std::size_t index = 0; index < options_.concurrency; ++index) {
    threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
  }
}

void Notifier::stop() {
  for (auto& thread : threads_) thread.request_stop();
  threads_.clear();
}

void Notifier::outbox_grew() {
  const std::lock_guard lock{mutex_};
  unread_ = true;
  changed_.notify_one();
}

void Notifier::work(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  while (!stop.stop_requested()) {
    if (unread_) read_outbox();
    if (const auto lane = due_lane(Clock::now()); lane != lanes_.end()) {
      lane->second.busy = true;
      const auto key = lane->first;
      const auto row = lane->second.rows.front();
      changed_.notify_one();  // there may be more that is due
      lock.unlock();
      attempt_safely(key, row);
      lock.lock();
    } else {
      changed_.wait_until(lock, stop, next_due(),
                          [this] { return unread_ || due_lane(Clock::now()) != lanes_.end(); });
    }
  }
}

std::map<Notifier::Key, Notifier::Lane>::iterator Notifier::due_lane(Clock::time_point now) {
  return std::ranges::find_if(lanes_, [&](const auto& entry) {
    const auto& lane = entry.second;
    return !lane.busy && !lane.rows.empty() && lane.not_before <= now;
  });
}

Notifier::Clock::time_point Notifier::next_due() const {
  auto earliest = Clock::now() + std::chrono::hours{1};
  for (const auto& [key, lane] : lanes_) {
    if (!lane.busy && !lane.rows.empty()) earliest = std::min(earliest, lane.not_before);
  }
  return earliest;
}

void Notifier::read_outbox() {
  unread_ = false;
  try {
    read_new_rows();
  } catch (const std::exception& error) {
    spdlog::error("notifications wait: the outbox cannot be read after position={} reason=\"{}\"",
                  read_up_to_, error.what());
  }
}

void Notifier::read_new_rows() {
  while (true) {
    const auto rows = views_.outbox(read_up_to_, outbox_page);
    for (const auto& row : rows) {
      lanes_[{row.notification.receiver, row.notification.training}].rows.push_back(row);
      read_up_to_ = row.position;
    }
    if (rows.size() < outbox_page) return;
  }
}

// A stored row that is damaged costs its own lane, which waits for the next start.
void Notifier::attempt_safely(const Key& key, const storage::OutboxRow& row) {
  try {
    attempt(key, row);
  } catch (const std::exception& error) {
    spdlog::error("notification cannot be delivered id={} receiver={} reason=\"{}\"", row.id.text(),
                  key.first.text(), error.what());
  }
}

void Notifier::attempt(const Key& key, const storage::OutboxRow& row) {
  const auto user = views_.user(row.notification.receiver);
  if (!user || !views_.is_pending(row.position)) {
    return settle(key, row, domain::DeliveryOutcome::dropped, "the receiver or the training is gone");
  }
  const auto endpoint = Endpoint::parse(user->message_endpoint.text);
  if (!endpoint) return settle(key, row, domain::DeliveryOutcome::unreachable, endpoint.error());
  const auto made = send_(*endpoint, row);
  conclude(key, row, made);
}

void Notifier::settle(const Key& key, const storage::OutboxRow& row, domain::DeliveryOutcome outcome,
                      const std::string& detail) {
  settle_({.row = row, .outcome = outcome, .status = 0, .attempts = 0, .detail = detail},
          [this, key] { recorded(key); });
}

void Notifier::conclude(const Key& key, const storage::OutboxRow& row, const Attempt& made) {
  Settlement settlement;
  settlement.row = row;
  settlement.status = made.status;
  {
    const std::lock_guard lock{mutex_};
    auto& lane = lanes_.at(key);
    settlement.attempts = ++lane.attempts;
    const auto now = Clock::now();
    switch (next_step(settlement.row.notification.kind, made)) {
      case Next::settle_delivered:
        lane.failures = 0;
        settlement.outcome = domain::DeliveryOutcome::delivered;
        break;
      case Next::settle_refused:
        lane.failures = 0;
        settlement.outcome = domain::DeliveryOutcome::refused;
        break;
      case Next::retry:
        if (++lane.failures == 1) lane.failing_since = now;
        const auto wait =
            wait_after(lane.failures, options_.retry, std::uniform_real_distribution{}(random_));
        if (now + wait - lane.failing_since < options_.retry.span) {
          lane.not_before = now + wait;
          lane.busy = false;
          changed_.notify_one();
          return;
        }
        settlement.outcome = domain::DeliveryOutcome::unreachable;
        settlement.detail = made.status == 0 ? "no answer (" + made.problem + ")"
                                             : "it kept answering " + std::to_string(made.status);
        break;
    }
  }
  settle_(std::move(settlement), [this, key] { recorded(key); });
}

void Notifier::recorded(const Key& key) {
  const std::lock_guard lock{mutex_};
  const auto found = lanes_.find(key);
  auto& lane = found->second;
  lane.rows.pop_front();
  lane.busy = false;
  lane.attempts = 0;
  lane.not_before = {};
  // A lane that fails is kept: what comes next for the same receiver does not get a whole span again.
  if (lane.rows.empty() && lane.failures == 0) lanes_.erase(found);
  changed_.notify_one();
}

}  // namespace fedlog::actors
