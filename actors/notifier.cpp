#include "actors/notifier.h"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "actors/new_id.h"

namespace fedlog::actors {
namespace {

constexpr std::size_t outbox_page = 256;

Notifier::Send send_over_http(const Notifier::Options& options,
                              std::shared_ptr<const Interruption> interruption) {
  auto webhook = std::make_shared<const Webhook>(ConnectionOptions{.connect_timeout = options.connect_timeout,
                                                                   .read_timeout = options.read_timeout,
                                                                   .total_timeout = options.total_timeout,
                                                                   .permits = options.permits,
                                                                   .interruption = std::move(interruption)});
  return [webhook = std::move(webhook)](const Endpoint& endpoint, const WebhookMessage& message,
                                        const Interruption* cut_off) {
    return webhook->post(endpoint, message, cut_off);
  };
}

domain::Timestamp wall_clock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(now).count()};
}

// A host's name means the same in capitals.
std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

}  // namespace

// An attempt that endpoint_changed() cuts off.
class Notifier::UnderWay {
 public:
  UnderWay(Notifier& notifier, domain::UserId receiver) : notifier_(notifier) {
    const std::lock_guard lock{notifier_.mutex_};
    entry_ = notifier_.under_way_.emplace(receiver, &cut_off_);
  }
  ~UnderWay() {
    const std::lock_guard lock{notifier_.mutex_};
    notifier_.under_way_.erase(entry_);
  }
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;

  [[nodiscard]] const Interruption& cut_off() const { return cut_off_; }

 private:
  Notifier& notifier_;
  Interruption cut_off_;
  std::multimap<domain::UserId, Interruption*>::iterator entry_;
};

Notifier::Notifier(const storage::Views& views, const Options& options, Settle settle, SecretOf secret_of,
                   Send send)
    : views_(views),
      options_(options),
      settle_(std::move(settle)),
      secret_of_(std::move(secret_of)),
      send_(send ? std::move(send) : send_over_http(options, interruption_)),
      schedule_(schedule_options()) {}

DeliverySchedule::Options Notifier::schedule_options() const {
  return {.retry = options_.retry,
          .concurrency = options_.concurrency,
          .concurrency_per_receiver = options_.concurrency_per_receiver,
          .poll_span = options_.poll_span,
          .place_of = [this](domain::UserId receiver) { return place_of(receiver); }};
}

// Empty where nothing is posted to, or nothing can be read.
std::string Notifier::place_of(domain::UserId receiver) const {
  try {
    const auto user = views_.user(receiver);
    const auto endpoint = Endpoint::parse(user ? user->message_endpoint.text : "");
    return endpoint ? lower(endpoint->host) + ":" + std::to_string(endpoint->port) : "";
  } catch (const std::exception&) {
    return {};  // the attempt finds it again, and says so
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
  const auto [first, last] = under_way_.equal_range(receiver);
  std::for_each(first, last, [](const auto& entry) { entry.second->raise(); });
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
    made = post(user, new_id().text(), ping_body(), nullptr);
  } catch (const std::exception& error) {
    made.problem = error.what();
  }
  const auto duration = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begin);
  {
    const std::lock_guard lock{mutex_};
    pinged_.erase(user.id);
  }
  PingAnswer answer{.status = {}, .duration_ms = {}, .problem = full_problem(made)};
  if (made.posted) answer.duration_ms = duration.count();
  if (made.status != 0) answer.status = made.status;
  if (made.status != 0 && (made.status < 200 || made.status >= 300)) {
    answer.problem = "it answers " + std::to_string(made.status) + ", and only 2xx accepts a notification";
  }
  return answer;
}

bool Notifier::begin_ping(domain::UserId user) {
  const std::lock_guard lock{mutex_};
  return pinged_.size() < options_.pings_max && pinged_.insert(user).second;
}

void Notifier::work(const std::stop_token& stop) {
  std::unique_lock lock{mutex_};
  while (!stop.stop_requested()) {
    if (unread_) read_outbox();
    auto step = schedule_.next(Clock::now());
    if (!step) {
      const auto due = schedule_.next_due().value_or(Clock::now() + std::chrono::hours{1});
      changed_.wait_until(lock, stop, due, [this, due] { return has_something_before(due); });
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

// Something may be planned for an earlier time while a thread sleeps, and who planned it be busy by then.
bool Notifier::has_something_before(Clock::time_point due) const {
  const auto next = schedule_.next_due();
  return unread_ || (next && (*next < due || *next <= Clock::now()));
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
    const UnderWay under_way{*this, row.notification.receiver};  // before it is known where to
    const auto user = views_.user(row.notification.receiver);
    if (!user || !views_.is_pending(row.position)) {
      return {.status = 0, .problem = "the receiver or the training is gone", .obstacle = Obstacle::gone};
    }
    return post(*user, row.id.text(), body_of(row.notification), &under_way.cut_off());
  } catch (const std::exception& error) {
    spdlog::error("notification cannot be delivered id={} receiver={} reason=\"{}\"", row.id.text(),
                  row.notification.receiver.text(), error.what());
    return {.status = 0, .problem = "this server cannot post it; its own log says why"};
  }
}

Attempt Notifier::post(const domain::User& user, const std::string& delivery, std::string body,
                       const Interruption* cut_off) {
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
  return send_(*endpoint, message, cut_off);
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
