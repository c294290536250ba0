#include "http/list_query.h"

#include <algorithm>
#include <array>
#include <limits>

#include "http/body.h"
#include "http/case_folding.h"
#include "http/errors.h"
#include "http/field_reader.h"
#include "http/text.h"

namespace fedlog::http {

namespace {

bool is_searchable(const std::vector<ListField>& fields) {
  return std::ranges::any_of(fields, &ListField::searchable);
}

Response refusal(std::string_view parameter, std::string message) {
  FieldErrors errors;
  errors.add(parameter, std::move(message));
  return field_errors_response(errors);
}

std::string names_of(const std::vector<ListField>& fields, bool ListField::* capability) {
  std::string names;
  for (const auto& field : fields) {
    if (field.*capability) names.append(names.empty() ? "" : ", ").append(field.rule.name);
  }
  return names;
}

Response unknown_parameter(std::string_view name, const std::vector<ListField>& fields) {
  auto message = std::string{"Unknown parameter. This list takes limit, offset, ordering"};
  if (is_searchable(fields)) message += ", search";
  return refusal(name, message + " and the fields " + names_of(fields, &ListField::filterable) + ".");
}

// A whole number in digits; too large is the largest. Nothing for other text.
std::optional<std::uint64_t> read_natural(std::string_view text) {
  constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
  text = stripped(text);
  if (text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  std::uint64_t number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    number = number > (largest - digit) / 10 ? largest : number * 10 + digit;
  }
  return number;
}

std::optional<ListQuery::Page> read_page(const Request& request) {
  const auto limit = request.query_parameter("limit");
  const auto offset = request.query_parameter("offset");
  if (!limit && !offset) return std::nullopt;
  ListQuery::Page page;
  if (const auto number = limit ? read_natural(*limit) : std::nullopt; number && *number > 0) {
    page.limit = std::min(*number, page_limit_max);
  }
  if (const auto number = offset ? read_natural(*offset) : std::nullopt) page.offset = *number;
  return page;
}

std::expected<std::vector<ListQuery::Order>, Response> read_ordering(std::string_view text,
                                                                     const std::vector<ListField>& fields) {
  std::vector<ListQuery::Order> ordering;
  while (!text.empty()) {
    const auto comma = text.find(',');
    auto name = stripped(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
    if (name.empty()) continue;
    const bool descending = name.starts_with('-');
    if (descending) name.remove_prefix(1);
    const auto found =
        std::ranges::find_if(fields, [&](const ListField& field) { return field.rule.name == name; });
    if (found == fields.end() || !found->orderable) {
      return std::unexpected(refusal("ordering", "Unknown field '" + std::string{name} +
                                                     "'. This list can be ordered by " +
                                                     names_of(fields, &ListField::orderable) + "."));
    }
    const auto index = static_cast<std::size_t>(found - fields.begin());
    if (std::ranges::find(ordering, index, &ListQuery::Order::field) == ordering.end()) {
      ordering.push_back({index, descending});
    }
  }
  return ordering;
}

std::vector<std::string> read_words(std::string_view text) {
  std::vector<std::string> words;
  const auto folded = case_folded(text);
  constexpr std::string_view separators = " ,\t\n\v\f\r";
  for (std::size_t begin = 0; (begin = folded.find_first_not_of(separators, begin)) != std::string::npos;) {
    const auto end = std::min(folded.find_first_of(separators, begin), folded.size());
    words.push_back(folded.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

std::string too_many_words() {
  return "At most " + std::to_string(search_words_max) + " words can be searched for at once.";
}

bool is_reserved(std::string_view name) {
  constexpr std::array names{"limit", "offset", "ordering", "format"};
  return std::ranges::find(names, name) != names.end();
}

std::expected<std::vector<ListQuery::Filter>, Response> read_filters(const Request& request,
                                                                     const std::vector<ListField>& fields) {
  for (const auto& [name, value] : request.query) {
    if (name.empty() || is_reserved(name) || (name == "search" && is_searchable(fields))) continue;
    const bool known = std::ranges::any_of(
        fields, [&](const ListField& field) { return field.filterable && field.rule.name == name; });
    if (!known) return std::unexpected(unknown_parameter(name, fields));
  }
  std::vector<ListQuery::Filter> filters;
  for (std::size_t index = 0; index < fields.size(); ++index) {
    const auto& rule = fields[index].rule;
    const auto text = fields[index].filterable ? request.query_parameter(rule.name) : std::nullopt;
    if (!text) continue;
    auto value = FieldReader{rule, Wording::rest_framework}.read(std::string{*text});
    if (!value) {
      return std::unexpected(body_response(400, {{std::string{rule.name}, std::move(value.error())}}));
    }
    filters.push_back({index, std::move(*value)});
  }
  return filters;
}

}  // namespace

std::expected<ListQuery, Response> read_list_query(const Request& request,
                                                   const std::vector<ListField>& fields) {
  ListQuery query;
  query.page = read_page(request);
  auto filters = read_filters(request, fields);
  if (!filters) return std::unexpected(std::move(filters.error()));
  query.filters = std::move(*filters);
  auto ordering = read_ordering(request.query_parameter("ordering").value_or(""), fields);
  if (!ordering) return std::unexpected(std::move(ordering.error()));
  query.ordering = std::move(*ordering);
  query.words = read_words(request.query_parameter("search").value_or(""));
  if (query.words.size() > search_words_max) return std::unexpected(refusal("search", too_many_words()));
  return query;
}

Failure list_refusal() {
  return field_failure(
      400,
      "A parameter or a field is unknown, or its value does not fit; the body names it and what "
      "the list has instead.",
      "search", too_many_words());
}

std::vector<FieldRule> list_parameters(const std::vector<ListField>& fields) {
  std::vector<FieldRule> parameters{
      {.name = "limit",
       .type = FieldType::integer,
       .minimum = 1,
       .description = "Asks for a page of at most this many results, at most 1000; with only `offset`, 100. "
                      "Without both the answer is the plain list.",
       .example = 20},
      {.name = "offset",
       .type = FieldType::integer,
       .minimum = 0,
       .description = "How many results to skip.",
       .example = 40},
      {.name = "ordering",
       .description = "Fields, separated by commas, by which to order instead of by creation; `-` before one "
                      "turns it around.",
       .example = "-" + std::string{fields.front().rule.name}}};
  if (is_searchable(fields)) {
    parameters.push_back({.name = "search",
                          .description =
                              "Words that a result must contain, all of them, in any of its texts, "
                              "in any case."});
  }
  for (const auto& field : fields) {
    if (field.filterable) parameters.push_back(field.rule);
  }
  return parameters;
}

}  // namespace fedlog::http
