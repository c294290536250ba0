#pragma once

#include <atomic>
#include <cstdint>

namespace fedlog::http {

// Memory that many requests have together. Any thread.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}
  MemoryBudget(const MemoryBudget&) = delete;
  MemoryBudget& operator=(const MemoryBudget&) = delete;

  // What one of them takes; given back at its end. The budget must outlive it.
  class Share {
   public:
    explicit Share(MemoryBudget& budget) : budget_(budget) {}
    ~Share() { budget_.taken_bytes_ -= bytes_; }
    Share(const Share&) = delete;
    Share& operator=(const Share&) = delete;

    // To have that much, be it less than before. False: the others leave too little; nothing is changed then.
    [[nodiscard]] bool resize(std::uint64_t bytes);

   private:
    MemoryBudget& budget_;
    std::uint64_t bytes_ = 0;
  };

 private:
  const std::uint64_t bytes_max_;
  std::atomic<std::uint64_t> taken_bytes_ = 0;
};

}  // namespace fedlog::http
