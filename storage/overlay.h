#pragma once

#include "storage/tables.h"

namespace fedlog::storage {

// Changes that are not written yet over what is: reads see both. The base must outlive it and not change
// meanwhile. One thread at a time.
class Overlay final : public TableReader {
 public:
  explicit Overlay(const TableReader& base) : base_(&base) {}

  void put(Table table, std::string_view key, std::string_view value);
  void erase(Table table, std::string_view key);
  void put_all(Changes changes);

  [[nodiscard]] const Changes& changes() const { return changes_; }
  [[nodiscard]] Changes take() { return std::exchange(changes_, {}); }
  [[nodiscard]] bool empty() const;

  [[nodiscard]] std::optional<std::string> get(Table table, std::string_view key) const override;
  void scan(Table table, std::string_view prefix, std::string_view from, const Visit& visit) const override;
  [[nodiscard]] std::optional<std::pair<std::string, std::string>> last(Table table) const override;

 private:
  const TableReader* base_;
  Changes changes_;
};

// The views of an overlay, for projection.
class ViewWriter final : public KeyValueWriter {
 public:
  explicit ViewWriter(Overlay& overlay) : overlay_(&overlay) {}
  [[nodiscard]] std::optional<std::string> get(std::string_view key) const override {
    return overlay_->get(Table::views, key);
  }
  void scan(std::string_view prefix, std::string_view from, const Visit& visit) const override {
    overlay_->scan(Table::views, prefix, from, visit);
  }
  void put(std::string_view key, std::string_view value) override { overlay_->put(Table::views, key, value); }
  void erase(std::string_view key) override { overlay_->erase(Table::views, key); }

 private:
  Overlay* overlay_;
};

}  // namespace fedlog::storage
