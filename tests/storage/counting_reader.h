#pragma once

#include <cstddef>

#include "storage/key_value.h"

namespace fedlog::storage::testing {

// Passes everything on and counts it: what a question costs, without a clock.
class CountingReader final : public KeyValueReader {
 public:
  explicit CountingReader(const KeyValueReader& reader) : reader_(reader) {}

  // Keys that were looked up and entries that were visited.
  [[nodiscard]] std::size_t reads() const { return reads_; }

  std::optional<std::string> get(std::string_view key) const override {
    ++reads_;
    return reader_.get(key);
  }
  void scan(std::string_view prefix, std::string_view from, const Visit& visit) const override {
    reader_.scan(prefix, from, [&](std::string_view key, std::string_view value) {
      ++reads_;
      return visit(key, value);
    });
  }

 private:
  const KeyValueReader& reader_;
  mutable std::size_t reads_ = 0;
};

}  // namespace fedlog::storage::testing
