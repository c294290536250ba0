#include "http/memory_budget.h"

namespace fedlog::http {

bool MemoryBudget::Share::resize(std::uint64_t bytes) {
  if (bytes > bytes_) {
    const auto more = bytes - bytes_;
    if (more > budget_.bytes_max_) return false;
    if ((budget_.taken_bytes_ += more) > budget_.bytes_max_) {
      budget_.taken_bytes_ -= more;
      return false;
    }
  } else {
    budget_.taken_bytes_ -= bytes_ - bytes;
  }
  bytes_ = bytes;
  return true;
}

}  // namespace fedlog::http
