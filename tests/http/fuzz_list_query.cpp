// Whatever is asked of a list, what is understood of it names fields that the list has, and stays within the
// limits; what is refused is refused with a reason. The input is a query.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <set>

#include "http/list_query.h"
#include "http/request_head.h"

namespace {

using namespace fedlog::http;

void require(bool holds) {
  if (!holds) std::abort();
}

const std::vector<ListField>& fields() {
  static const std::vector<ListField> made{
      {.rule = {.name = "name"}, .searchable = true},
      {.rule = {.name = "round", .type = FieldType::integer}},
      {.rule = {.name = "id", .type = FieldType::uuid}},
      {.rule = {.name = "state", .type = FieldType::choice, .choices = {"I", "O"}}, .orderable = false},
      {.rule = {.name = "has_it", .type = FieldType::boolean}},
      {.rule = {.name = "members", .type = FieldType::uuids}, .orderable = false, .filterable = false}};
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string query{reinterpret_cast<const char*>(data), size};
  const auto head = parse_request_head("GET /?" + query + " HTTP/1.1\r\nHost: a\r\n\r\n", {});
  if (!head) return 0;
  const auto asked = read_list_query(head->request, fields());
  if (!asked) {
    require(asked.error().status == 400 && !std::get<std::string>(asked.error().body).empty());
    return 0;
  }
  if (asked->page) require(asked->page->limit > 0 && asked->page->limit <= page_limit_max);
  require(asked->words.size() <= search_words_max);
  std::set<std::size_t> ordered;
  for (const auto& order : asked->ordering) {
    require(order.field < fields().size() && fields()[order.field].orderable);
    require(ordered.insert(order.field).second);
  }
  for (const auto& filter : asked->filters) {
    require(filter.field < fields().size() && fields()[filter.field].filterable);
    (void)filter.value.dump();
  }
  return 0;
}
