#pragma once

#include <utility>

#include "storage/tables.h"

namespace fedlog::storage::testing {

// Passes everything on, but fails writes when told to.
class FaultyTables final : public Tables {
 public:
  explicit FaultyTables(Tables& tables) : tables_(tables) {}

  void fail_next_writes(int count, WriteFailure failure) {
    failing_ = count;
    failure_ = std::move(failure);
  }
  [[nodiscard]] int writes() const { return writes_; }

  std::optional<std::string> get(Table table, std::string_view key) const override {
    return tables_.get(table, key);
  }
  void scan(Table table, std::string_view prefix, std::string_view from, const Visit& visit) const override {
    tables_.scan(table, prefix, from, visit);
  }
  std::optional<std::pair<std::string, std::string>> last(Table table) const override {
    return tables_.last(table);
  }
  std::expected<void, WriteFailure> write(const Changes& changes, Durability durability) override {
    ++writes_;
    if (failing_ > 0) {
      --failing_;
      return std::unexpected(failure_);
    }
    return tables_.write(changes, durability);
  }
  std::unique_ptr<TableReader> snapshot() const override { return tables_.snapshot(); }

 private:
  Tables& tables_;
  int failing_ = 0;
  int writes_ = 0;
  WriteFailure failure_;
};

}  // namespace fedlog::storage::testing
