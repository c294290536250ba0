#include "actors/notifier.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "actors/new_id.h"

namespace fedlog::actors {
namespace {

constexpr std::size_t outbox_page = 256;

DeliverySchedule::Options schedule_options(const Notifier::Options& options) {
  return {.retry = options.retry,
          .concurrency = options.concurrency,
          .concurrency_per_receiver = options.concurrency_per_receiver,
          .poll_span = options.poll_span};
}

Notifier::Send send_over_http(const Notifier::Options& options,
                              std::shared_ptr<const Interruption> interruption) {
  auto webhook = std::make_shared<const Webhook>(ConnectionOptions{.connect_timeout = options.connect_timeout,
                                                                   .read_timeout = options.read_timeout,
                                                                   .total_timeout = options.total_timeout,
                                                                   .permits = options.permits,
                                                                   .interruption = std::move(interruption)});
  return [webhook = std::move(webhook)](const Endpoint& endpoint, const WebhookMessage& message) {
    return webhook->post(endpoint, message);
  };
}

domain::Timestamp wall_clock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(now).count()};
}

}  // namespace

Notifier::Notifier(const storage::Views& views, const Options& options, Settle settle, SecretOf secret_of,
                   Send send)
    : views_(views),
      options_(options),
      settle_(std::move(settle)),
      secret_of_(std::move(secret_of)),
      send_(send ? std::move(send) : send_over_http(options, interruption_)),
      schedule_(schedule_options(options)) {}

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
  interruption_->raise();
  threads_.clear();
}

void Notifier::outbox_grew() {
  const std::lock_guard lock{mutex_};
  unread_ = true;
  changed_.notify_one();
}

void Notifier::fetched(domain::UserId receiver, std::uint64_t up_to_position) {
  const std::lock_guard lock{mutex_};
  if (unread_) read_outbox();
  schedule_.fetched(receiver, up_to_position);
  changed_.notify_one();
}

void Notifier::endpoint_changed(domain::UserId receiver) {
  const std::lock_guard lock{mutex_};
  schedule_.endpoint_changed(receiver, Clock::now());
  changed_.notify_one();
}

std::optional<PendingDelivery> Notifier::pending(domain::UserId receiver, domain::TrainingId training) {
  const std::lock_guard lock{mutex_};
  if (unread_) read_outbox();
  return schedule_.pending(receiver, training, Clock::now(), wall_clock());
}

Result<PingAnswer> Notifier::ping(const domain::User& user) {
  if (domain::is_polled(user.message_endpoint.text)) {
    return PingAnswer{.status = {},
                      .duration_ms = {},
                      .problem = "this user has no endpoint: it asks for its notifications itself"};
  }
  if (!begin_ping(user.id)) {
    return std::unexpected(
        domain::Rejection{.reason = domain::Reason::throttled,
                          .message = "Another ping is under way. Please wait for its answer.",
                          .retry_after_s = 1});
  }
  const auto begin = Clock::now();
  Attempt made;
  try {
    made = post(user, new_id().text(), ping_body());
  } catch (const std::exception& error) {
    made.problem = error.what();
  }
  const auto duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
  {
    const std::lock_guard lock{mutex_};
    pinged_.erase(user.id);
  }
  PingAnswer answer{.status = {}, .duration_ms = {}, .problem = std::move(made.problem)};
  if (made.obstacle == Obstacle::none) answer.duration_ms = duration.count();
  if (made.status != 0) answer.status = made.status;
  if (made.status != 0 && (made.status < 200 || made.status >= 300)) {
    answer.problem = "it answers " + std::to_string(made.status) + ", and only 2xx accepts a notification";
  }
  return answer;
}

// Those who ping each hold one of the caller's threads.
bool Notifier::begin_ping(domain::UserId user) {
  const std::lock_guard lock{mutex_};
  const auto pings_max = std::max<std::size_t>(1, options_.concurrency / 4);
  return pinged_.size() < pings_max && pinged_.insert(user).second;
}

void Notifier::work(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  while (!stop.stop_requested()) {
    if (unread_) read_outbox();
    auto step = schedule_.next(Clock::now());
    if (!step) {
      const auto due = schedule_.next_due().value_or(Clock::now() + std::chrono::hours{1});
      changed_.wait_until(lock, stop, due, [this] { return has_something_to_do(); });
      continue;
    }
    changed_.notify_one();  // there may be more that is due
    if (auto* const settlement = std::get_if<Settlement>(&*step)) {
      lock.unlock();
      record(std::move(*settlement));
      lock.lock();
      continue;
    }
    const auto row = std::move(std::get<DeliverySchedule::ToAttempt>(*step).row);
    lock.unlock();
    const auto made = attempt(row);
    lock.lock();
    // An attempt that was cut off says nothing of its receiver; the next start makes it again.
    if (stop.stop_requested() && made.status == 0) return;
    auto settlement = schedule_.conclude(row, made, Clock::now(), std::uniform_real_distribution{}(random_));
    if (!settlement) continue;
    lock.unlock();
    record(std::move(*settlement));
    lock.lock();
  }
}

bool Notifier::has_something_to_do() const {
  const auto due = schedule_.next_due();
  return unread_ || (due && *due <= Clock::now());
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
      schedule_.add(row, Clock::now());
      read_up_to_ = row.position;
    }
    if (rows.size() < outbox_page) return;
  }
}

// What goes wrong here, a stored row that is damaged for one, is as if the receiver had not answered.
Attempt Notifier::attempt(const storage::OutboxRow& row) {
  try {
    const auto user = views_.user(row.notification.receiver);
    if (!user || !views_.is_pending(row.position)) {
      return {.status = 0, .problem = "the receiver or the training is gone", .obstacle = Obstacle::gone};
    }
    return post(*user, row.id.text(), body_of(row.notification));
  } catch (const std::exception& error) {
    spdlog::error("notification cannot be delivered id={} receiver={} reason=\"{}\"", row.id.text(),
                  row.notification.receiver.text(), error.what());
    return {.status = 0, .problem = error.what()};
  }
}

Attempt Notifier::post(const domain::User& user, const std::string& delivery, std::string body) {
  if (domain::is_polled(user.message_endpoint.text)) {
    return {.status = 0, .problem = {}, .obstacle = Obstacle::polls};
  }
  const auto endpoint = Endpoint::parse(user.message_endpoint.text);
  if (!endpoint) return {.status = 0, .problem = endpoint.error(), .obstacle = Obstacle::no_target};
  WebhookMessage message{.delivery = delivery, .body = std::move(body)};
  if (user.webhook_secret_set) {
    message.secret = secret_of_ ? secret_of_(user.id) : std::nullopt;
    // Its receiver would take a message without a signature for a forged one.
    if (!message.secret) return {.status = 0, .problem = "the secret to sign it with cannot be read"};
  }
  return send_(*endpoint, message);
}

// `recorded` may come at once, or from another thread.
void Notifier::record(Settlement settlement) {
  const auto row = settlement.row;
  settle_(std::move(settlement), [this, row] { recorded(row); });
}

void Notifier::recorded(const storage::OutboxRow& row) {
  const std::lock_guard lock{mutex_};
  schedule_.recorded(row, Clock::now());
  changed_.notify_one();
}

}  // namespace fedlog::actors
