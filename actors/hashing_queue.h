#pragma once

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>

namespace fedlog::actors {

// Who may hash now: a few at once; a few more wait for their turn, in the order of their coming; whoever
// comes when no place is left is turned away at once. So threads that sign somebody in can never be all
// threads, and hashing never takes all processors. Any thread.
class HashingQueue {
 public:
  // How much of the waiting room is open to somebody: a quarter, three quarters, or all of it. Who guesses
  // passwords or registers fills no room that others need, and who was right before finds one among
  // strangers.
  enum class Rank { suspect, stranger, known };

  HashingQueue(std::size_t at_once, std::size_t waiting_max);

  // Gives its turn or place back when it goes.
  class Hold {
   public:
    Hold(Hold&& other) noexcept;
    Hold& operator=(Hold&&) = delete;
    ~Hold();

   private:
    friend class HashingQueue;
    Hold(HashingQueue& queue, std::size_t& counter) : queue_(&queue), counter_(&counter) {}
    HashingQueue* queue_;
    std::size_t* counter_;
  };

  // Waits for a turn; nothing when there is no place to wait.
  [[nodiscard]] std::optional<Hold> turn(Rank rank);

  // A place for who waits for something else than a turn: for somebody's turn that tells it the same.
  [[nodiscard]] std::optional<Hold> place(Rank rank);

  [[nodiscard]] std::size_t waiting() const;

 private:
  [[nodiscard]] bool has_place(Rank rank) const;

  const std::size_t at_once_;
  const std::size_t waiting_max_;
  mutable std::mutex mutex_;
  std::condition_variable moved_;
  std::deque<std::uint64_t> line_;  // tickets of those that wait for a turn
  std::uint64_t next_ticket_ = 0;
  std::size_t hashing_ = 0;
  std::size_t placed_ = 0;
};

}  // namespace fedlog::actors
