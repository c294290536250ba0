#include "storage/index_cursor.h"

#include <limits>
#include <optional>
#include <utility>

#include "storage/numbers.h"

namespace fedlog::storage {
namespace {

constexpr std::size_t entries_ahead = 64;

}  // namespace

IndexCursor::IndexCursor(const KeyValueReader& reader, std::string index)
    : reader_(&reader), index_(std::move(index)) {
  read_on(0);
}

void IndexCursor::next() {
  const auto position = entries_.front().position;
  entries_.pop_front();
  if (entries_.empty() && position < std::numeric_limits<std::uint64_t>::max()) read_on(position + 1);
}

void IndexCursor::read_on(std::uint64_t from_position) {
  reader_->scan(index_, index_ + big_endian(from_position),
                [&](std::string_view key, std::string_view value) {
                  entries_.push_back({number_at_end(key), std::string(value)});
                  return entries_.size() < entries_ahead;
                });
}

void visit_together(const KeyValueReader& reader, const std::vector<std::string>& indexes,
                    const std::function<bool(const IndexEntry&)>& visit) {
  std::vector<IndexCursor> cursors;
  for (const auto& index : indexes) cursors.emplace_back(reader, index);
  for (std::optional<std::uint64_t> last;;) {
    IndexCursor* first = nullptr;
    for (auto& cursor : cursors) {
      if (cursor.entry() == nullptr) continue;
      if (first == nullptr || cursor.entry()->position < first->entry()->position) first = &cursor;
    }
    if (first == nullptr) return;
    const auto& entry = *first->entry();
    if (entry.position != last && !visit(entry)) return;
    last = entry.position;
    first->next();
  }
}

}  // namespace fedlog::storage
