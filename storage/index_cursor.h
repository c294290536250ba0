#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "storage/key_value.h"

namespace fedlog::storage {

// An entry of an index of the views: its key ends with a position, which is unique in the index, and its
// value is what the index says of it, mostly an id.
struct IndexEntry {
  std::uint64_t position = 0;
  std::string value;
};

// Goes along an index in order of position, reading some entries ahead. The reader must outlive it.
class IndexCursor {
 public:
  // `index` is what its keys have before the position.
  IndexCursor(const KeyValueReader& reader, std::string index);

  // The entry where it stands; null at the end.
  [[nodiscard]] const IndexEntry* entry() const { return entries_.empty() ? nullptr : &entries_.front(); }
  void next();

 private:
  void read_on(std::uint64_t from_position);

  const KeyValueReader* reader_;
  std::string index_;
  std::deque<IndexEntry> entries_;
};

// Visits the entries of several indexes together in order of position, each position once, until `visit`
// returns false.
void visit_together(const KeyValueReader& reader, const std::vector<std::string>& indexes,
                    const std::function<bool(const IndexEntry&)>& visit);

}  // namespace fedlog::storage
