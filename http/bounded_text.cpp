#include "http/bounded_text.h"

#include <algorithm>

namespace fedlog::http {

namespace {

constexpr std::uint64_t free_bytes = 1024 * 1024;

std::unexpected<domain::Rejection> too_long(std::uint64_t size_bytes_max) {
  return std::unexpected(
      domain::Rejection{domain::Reason::invalid_request,
                        "The answer would have more than " + std::to_string(size_bytes_max) +
                            " bytes, the most that this server gives at once (its setting "
                            "limits.list_bytes_max). Ask for a page "
                            "of a list (?limit=100&offset=0), or for a model's files one by one."});
}

}  // namespace

actors::Result<void> BoundedText::check() {
  if (text_.size() > size_bytes_max_) return too_long(size_bytes_max_);
  return take(text_.capacity());
}

actors::Result<void> BoundedText::reserve(std::uint64_t bytes, std::uint64_t beside_bytes) {
  if (bytes > size_bytes_max_ || text_.size() > size_bytes_max_ - bytes) return too_long(size_bytes_max_);
  const auto wanted = text_.size() + bytes;
  const auto capacity =
      wanted > text_.capacity() ? std::max<std::uint64_t>(wanted, 2 * text_.capacity()) : text_.capacity();
  if (auto taken = take(capacity + beside_bytes); !taken) return taken;
  text_.reserve(wanted);
  return {};
}

actors::Result<void> BoundedText::take(std::uint64_t bytes) {
  if (share_->resize(bytes - std::min(bytes, free_bytes))) return {};
  return std::unexpected(domain::Rejection{domain::Reason::busy,
                                           "The server writes as many long answers as its memory allows (its "
                                           "setting limits.list_memory_bytes_max). "
                                           "Try again, or ask for a page of a list (?limit=100&offset=0)."});
}

}  // namespace fedlog::http
