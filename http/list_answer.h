#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "actors/gateway.h"
#include "http/bounded_text.h"
#include "http/list_query.h"
#include "http/message.h"

// Lists as answers: rows go from the views into the answer's text one by one, and none is kept that the
// answer does not show, unless it has to be put into another order.
namespace fedlog::http {

// A field that a list can be asked by, and where its value is in a row: a text, a number, a boolean or null.
template <class T>
struct ListColumn {
  ListField field;
  nlohmann::json (*value)(const T& row);
};

// All that a list of T can be asked by. Rows are declared once, as statics.
template <class T>
class ListTable {
 public:
  explicit ListTable(std::vector<ListColumn<T>> columns) : columns_(std::move(columns)) {
    for (const auto& column : columns_) fields_.push_back(column.field);
  }

  [[nodiscard]] const std::vector<ListField>& fields() const { return fields_; }
  [[nodiscard]] nlohmann::json value(const T& row, std::size_t field) const {
    return columns_[field].value(row);
  }

 private:
  std::vector<ListColumn<T>> columns_;
  std::vector<ListField> fields_;
};

// Collects rows' JSON texts, and puts them into the contract's forms.
class ListText {
 public:
  explicit ListText(TextLimits limits) : rows_(limits) { rows_.text() = "["; }

  // A row's text is appended to what begin_row() returns. False: that was the last row that can be taken,
  // because it failed. A row that was deleted meanwhile is left out.
  [[nodiscard]] BoundedText& begin_row();
  [[nodiscard]] bool end_row(const actors::Result<void>& written);

  // The rows as a plain list, or as the page that was asked for.
  [[nodiscard]] Response response(const Request& request, const ListQuery& query, std::uint64_t count) &&;

 private:
  BoundedText rows_;
  std::size_t row_start_ = 0;
  std::optional<domain::Rejection> failure_;
};

// Whether each word, case-folded, is in one of the values that are texts.
[[nodiscard]] bool contains_all_words(const std::vector<nlohmann::json>& values,
                                      const std::vector<std::string>& words);

// Whether a row fits the query's filters and words.
template <class T>
[[nodiscard]] bool is_selected(const T& row, const ListQuery& query, const ListTable<T>& table) {
  for (const auto& filter : query.filters) {
    if (table.value(row, filter.field) != filter.value) return false;
  }
  if (query.words.empty()) return true;
  std::vector<nlohmann::json> searched;
  for (std::size_t index = 0; index < table.fields().size(); ++index) {
    if (table.fields()[index].searchable) searched.push_back(table.value(row, index));
  }
  return contains_all_words(searched, query.words);
}

// The rows that come first in the order that a query asks for, at most so many.
template <class T>
class FirstRows {
 public:
  FirstRows(const ListQuery& query, const ListTable<T>& table, std::uint64_t rows_max)
      : query_(query), table_(table), rows_max_(rows_max) {}

  // Rows come in order of creation, which decides between equals.
  void offer(T row) {
    Ranked ranked{.keys = {}, .place = offered_++, .row = std::move(row)};
    for (const auto& order : query_.ordering) ranked.keys.push_back(table_.value(ranked.row, order.field));
    if (rows_.size() == rows_max_) {
      if (rows_.empty() || !is_before(ranked, rows_.front())) return;
      std::ranges::pop_heap(rows_, before_);
      rows_.pop_back();
    }
    rows_.push_back(std::move(ranked));
    std::ranges::push_heap(rows_, before_);
  }

  [[nodiscard]] std::size_t size() const { return rows_.size(); }

  // In their order, from the `skip`th on, until `visit` returns false. After it there are none.
  template <class Visit>
  void take(std::uint64_t skip, const Visit& visit) {
    std::ranges::sort_heap(rows_, before_);
    const auto rows = std::exchange(rows_, {});
    for (auto index = skip; index < rows.size(); ++index) {
      if (!visit(rows[index].row)) return;
    }
  }

 private:
  struct Ranked {
    std::vector<nlohmann::json> keys;
    std::uint64_t place = 0;
    T row;
  };

  [[nodiscard]] bool is_before(const Ranked& left, const Ranked& right) const {
    for (std::size_t index = 0; index < query_.ordering.size(); ++index) {
      const auto& mine = left.keys[index];
      const auto& other = right.keys[index];
      if (mine != other) return (mine < other) != query_.ordering[index].descending;
    }
    return left.place < right.place;
  }

  const ListQuery& query_;
  const ListTable<T>& table_;
  std::uint64_t rows_max_;
  std::uint64_t offered_ = 0;
  std::function<bool(const Ranked&, const Ranked&)> before_ =
      [this](const Ranked& left, const Ranked& right) { return is_before(left, right); };
  std::vector<Ranked> rows_;  // a heap whose first is the last in order
};

// As many rows as can be put into another order at once.
inline constexpr std::uint64_t ordered_rows_max = 100'000;
[[nodiscard]] Response too_many_to_order_response();

// Answers a list as the request asks for it. Without filters, words and an order of its own, no row is read
// but those that are shown. `write` appends a row's JSON to a text.
template <class T, class Write>
[[nodiscard]] Response list_response(const Request& request, const storage::List<T>& list,
                                     const ListTable<T>& table, TextLimits limits, const Write& write) {
  const auto query = read_list_query(request, table.fields());
  if (!query) return query.error();
  const auto offset = query->page ? query->page->offset : 0;
  const auto limit = query->page ? query->page->limit : std::numeric_limits<std::uint64_t>::max();
  ListText text{limits};
  const auto add = [&](const T& row) { return text.end_row(write(text.begin_row(), row)); };

  std::uint64_t count = 0;
  if (!query->ordering.empty()) {
    const bool beyond_the_end = offset >= list.count();
    const auto rows_max = offset + std::min(limit, ordered_rows_max + 1);
    FirstRows<T> first(*query, table, beyond_the_end ? 0 : rows_max);
    list.visit([&](T row) {
      if (!is_selected(row, *query, table)) return true;
      ++count;
      first.offer(std::move(row));
      return first.size() <= ordered_rows_max;
    });
    if (first.size() > ordered_rows_max) return too_many_to_order_response();
    first.take(offset, add);
  } else if (query->selects()) {
    list.visit([&](const T& row) {
      if (!is_selected(row, *query, table)) return true;
      const auto place = count++;
      return place < offset || place - offset >= limit || add(row);
    });
  } else {
    count = query->page ? list.count() : 0;
    auto left = limit;
    if (!query->page || offset < count) {
      list.visit([&](const T& row) { return add(row) && --left > 0; }, offset);
    }
  }
  return std::move(text).response(request, *query, count);
}

}  // namespace fedlog::http
