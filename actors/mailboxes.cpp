#include "actors/mailboxes.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "domain/user.h"

namespace fedlog::actors {
namespace {

constexpr std::size_t rows_a_read = 256;

}  // namespace

class Mailboxes::Wait final : public NotificationWait {
 public:
  // Called with the lock held.
  Wait(Mailboxes& mailboxes, domain::UserId user)
      : mailboxes_(mailboxes), place_(mailboxes.waits_.emplace(user, this)) {}
  ~Wait() override {
    const std::lock_guard lock{mailboxes_.mutex_};
    mailboxes_.waits_.erase(place_);
  }
  Wait(const Wait&) = delete;
  Wait& operator=(const Wait&) = delete;

  void listen(std::function<void()> news) override {
    const std::lock_guard lock{mailboxes_.mutex_};
    if (told_) return news();
    news_ = std::move(news);
  }

  // Called with the lock held.
  void tell() {
    if (!std::exchange(told_, true) && news_) news_();
  }

 private:
  Mailboxes& mailboxes_;
  const std::multimap<domain::UserId, Wait*>::iterator place_;
  std::function<void()> news_;
  bool told_ = false;
};

Result<std::vector<storage::OutboxRow>> Mailboxes::notifications(domain::UserId receiver,
                                                                 std::uint64_t after) {
  if (const auto last = storage_.journal().last_position(); after > last) {
    return std::unexpected(domain::Rejection{domain::Reason::invalid_field,
                                             "This is no cursor that was given out: the event log ends at " +
                                                 std::to_string(last) + " now. Begin with 0.",
                                             "after"});
  }
  const auto user = storage_.views().user(receiver);
  const bool polled = user && domain::is_polled(user->message_endpoint.text);
  if (polled) fetched_(receiver, after);
  auto rows = storage_.views().notifications_of(receiver, after, page_rows);
  if (polled && !rows.empty()) fetched_(receiver, rows.back().position);
  return rows;
}

std::unique_ptr<NotificationWait> Mailboxes::wait(domain::UserId user) {
  const std::lock_guard lock{mutex_};
  if (waits_.size() >= waits_max_ || waits_.count(user) >= waits_per_user_max) return nullptr;
  // What is there already is for the waiting one to look for.
  if (waits_.empty()) read_up_to_ = storage_.journal().last_position();
  return std::make_unique<Wait>(*this, user);
}

void Mailboxes::outbox_grew() {
  const std::lock_guard lock{mutex_};
  if (waits_.empty()) return;
  try {
    tell_receivers();
  } catch (const std::exception& error) {
    spdlog::error("who waits for notifications is told too often: the outbox cannot be read reason=\"{}\"",
                  error.what());
    tell_all();
  }
}

void Mailboxes::tell_receivers() {
  while (true) {
    const auto rows = storage_.views().outbox(read_up_to_, rows_a_read);
    for (const auto& row : rows) {
      const auto [first, last] = waits_.equal_range(row.notification.receiver);
      std::for_each(first, last, [](const auto& entry) { entry.second->tell(); });
      read_up_to_ = row.position;
    }
    if (rows.size() < rows_a_read) return;
  }
}

void Mailboxes::tell_all() {
  for (const auto& [user, wait] : waits_) wait->tell();
}

}  // namespace fedlog::actors
