#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "actors/gateway.h"
#include "storage/storage.h"

namespace fedlog::actors {

// Notifications for those who ask for them, and the wait for the next one. Any thread.
class Mailboxes {
 public:
  // How many one answer has.
  static constexpr std::size_t page_rows = 100;
  // How many waits one user may have at the same time.
  static constexpr std::size_t waits_per_user_max = 8;

  // Told that a receiver that is never posted to has its notifications up to a position, or is being handed
  // them. Must not block.
  using Fetched = std::function<void(domain::UserId receiver, std::uint64_t up_to_position)>;

  // `storage` must outlive it, and it the waits.
  Mailboxes(storage::Storage& storage, std::size_t waits_max, Fetched fetched)
      : storage_(storage), waits_max_(waits_max), fetched_(std::move(fetched)) {}

  // As in Gateway.
  [[nodiscard]] Result<std::vector<storage::OutboxRow>> notifications(domain::UserId receiver,
                                                                      std::uint64_t after);
  [[nodiscard]] std::unique_ptr<NotificationWait> wait(domain::UserId user);

  // The outbox has new rows: who waits for them is told before this returns.
  void outbox_grew();

 private:
  class Wait;

  void tell_receivers();
  void tell_all();

  storage::Storage& storage_;
  const std::size_t waits_max_;
  const Fetched fetched_;
  std::mutex mutex_;
  std::multimap<domain::UserId, Wait*> waits_;
  std::uint64_t read_up_to_ = 0;  // of the outbox, while somebody waits
};

}  // namespace fedlog::actors
