#include "actors/hashing_queue.h"

#include <algorithm>
#include <utility>

namespace fedlog::actors {

HashingQueue::HashingQueue(std::size_t at_once, std::size_t waiting_max)
    : at_once_(std::max<std::size_t>(at_once, 1)), waiting_max_(waiting_max) {}

HashingQueue::Hold::Hold(Hold&& other) noexcept
    : queue_(std::exchange(other.queue_, nullptr)), counter_(other.counter_) {}

HashingQueue::Hold::~Hold() {
  if (queue_ == nullptr) return;
  {
    const std::lock_guard lock{queue_->mutex_};
    --*counter_;
  }
  queue_->moved_.notify_all();
}

bool HashingQueue::has_place(Rank rank) const {
  const auto quarters = rank == Rank::suspect ? 1U : rank == Rank::stranger ? 3U : 4U;
  return line_.size() + placed_ < waiting_max_ * quarters / 4;
}

std::optional<HashingQueue::Hold> HashingQueue::turn(Rank rank) {
  std::unique_lock lock{mutex_};
  if (hashing_ >= at_once_ || !line_.empty()) {
    if (!has_place(rank)) return std::nullopt;
    const auto ticket = next_ticket_++;
    line_.push_back(ticket);
    moved_.wait(lock, [&] { return line_.front() == ticket && hashing_ < at_once_; });
    line_.pop_front();
    if (hashing_ + 1 < at_once_) moved_.notify_all();  // the next one may have its turn too
  }
  ++hashing_;
  return Hold{*this, hashing_};
}

std::optional<HashingQueue::Hold> HashingQueue::place(Rank rank) {
  const std::lock_guard lock{mutex_};
  if (!has_place(rank)) return std::nullopt;
  ++placed_;
  return Hold{*this, placed_};
}

std::size_t HashingQueue::waiting() const {
  const std::lock_guard lock{mutex_};
  return line_.size() + placed_;
}

}  // namespace fedlog::actors
