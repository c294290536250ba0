#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/field_rule.h"
#include "http/message.h"
#include "http/operation.h"

// What a caller may ask of a list: ?limit=&offset=, ?ordering=, ?search=, and equality with a field.
namespace fedlog::http {

inline constexpr std::uint64_t page_limit_default = 100;
inline constexpr std::uint64_t page_limit_max = 1000;
inline constexpr std::size_t search_words_max = 16;

// A field that a list can be asked by. The rule reads a filter's value and stands in the API description.
struct ListField {
  FieldRule rule;
  bool searchable = false;
  bool orderable = true;
  bool filterable = true;
};

struct ListQuery {
  struct Page {
    std::uint64_t limit = page_limit_default;
    std::uint64_t offset = 0;
  };
  struct Order {
    std::size_t field = 0;
    bool descending = false;
  };
  struct Filter {
    std::size_t field = 0;
    nlohmann::json value;
  };
  // None: the whole list, as a plain array.
  std::optional<Page> page;
  // Empty: the order of creation. No field stands in it twice.
  std::vector<Order> ordering;
  // Case-folded; a row must contain each of them in one of its searchable fields.
  std::vector<std::string> words;
  std::vector<Filter> filters;

  // Whether rows are left out.
  [[nodiscard]] bool selects() const { return !words.empty() || !filters.empty(); }
};

// As DRF reads it: a limit or offset that makes no sense is the default one, a limit beyond the largest is
// the largest. What DRF ignores beyond that is refused: a parameter or field that the list has not, and a
// value that does not fit its field. `format` is the negotiation's. The error is the answer.
[[nodiscard]] std::expected<ListQuery, Response> read_list_query(const Request& request,
                                                                 const std::vector<ListField>& fields);

// How a list refuses a query, for its route's declaration.
[[nodiscard]] Failure list_refusal();

// The query parameters of such a list, for its route's declaration. The fields' names must outlive them.
[[nodiscard]] std::vector<FieldRule> list_parameters(const std::vector<ListField>& fields);

}  // namespace fedlog::http
