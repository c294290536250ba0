#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "actors/gateway.h"
#include "http/memory_budget.h"

namespace fedlog::http {

// How long an answer's text may get, and what all such texts have together.
struct TextLimits {
  std::uint64_t size_bytes_max = 0;
  MemoryBudget& memory;
};

// An answer's text that may get long: lists, and what has whole files in it. Its first MiB is not taken from
// the memory that all have together, so short answers go on where long ones find none left.
class BoundedText {
 public:
  explicit BoundedText(TextLimits limits)
      : size_bytes_max_(limits.size_bytes_max),
        share_(std::make_shared<MemoryBudget::Share>(limits.memory)) {}

  // To append to: a little, with check() after it, or much, with reserve() before.
  [[nodiscard]] std::string& text() { return text_; }

  // The error is the refusal: the text would get too long, or there is no memory for it.
  [[nodiscard]] actors::Result<void> check();
  // `beside_bytes`: what it takes to make the text, until the next of these calls.
  [[nodiscard]] actors::Result<void> reserve(std::uint64_t bytes, std::uint64_t beside_bytes);

  // Its share of the memory, to be kept as long as the text is.
  [[nodiscard]] std::shared_ptr<const void> share() const { return share_; }

 private:
  [[nodiscard]] actors::Result<void> take(std::uint64_t bytes);

  std::uint64_t size_bytes_max_;
  std::shared_ptr<MemoryBudget::Share> share_;
  std::string text_;
};

}  // namespace fedlog::http
