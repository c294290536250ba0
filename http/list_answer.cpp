#include "http/list_answer.h"

#include "http/body.h"
#include "http/case_folding.h"
#include "http/errors.h"
#include "http/page_links.h"
#include "http/rejections.h"

namespace fedlog::http {

bool contains_all_words(const std::vector<nlohmann::json>& values, const std::vector<std::string>& words) {
  std::vector<std::string> texts;
  for (const auto& value : values) {
    if (value.is_string()) texts.push_back(case_folded(value.get_ref<const std::string&>()));
  }
  return std::ranges::all_of(words, [&](const std::string& word) {
    return std::ranges::any_of(texts, [&](const std::string& text) { return text.contains(word); });
  });
}

std::string& ListText::begin_row() {
  if (rows_.size() > 1) rows_ += ',';
  return rows_;
}

bool ListText::end_row(const actors::Result<void>& written) {
  if (!written) failure_ = written.error();
  too_long_ = rows_.size() > size_bytes_max_;
  return written && !too_long_;
}

Response ListText::response(const Request& request, const ListQuery& query, std::uint64_t count) && {
  if (failure_) return rejection_response(*failure_);
  if (too_long_) {
    return detail_response(400, "This list has more than " + std::to_string(size_bytes_max_) +
                                    " bytes, the most that this server answers at once (its setting "
                                    "limits.list_bytes_max). Ask for a page of it: ?limit=100&offset=0");
  }
  Response response;
  response.headers.add("Content-Type", "application/json");
  rows_ += ']';
  if (!query.page) {
    response.body = std::move(rows_);
    return response;
  }
  const auto links = page_links(request, *query.page, count);
  const auto text_of = [](const nlohmann::json& link) {
    return link.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  };
  response.body = "{\"count\":" + std::to_string(count) + ",\"next\":" + text_of(links.next) +
                  ",\"previous\":" + text_of(links.previous) + ",\"results\":" + std::move(rows_) + "}";
  return response;
}

Response too_many_to_order_response() {
  FieldErrors errors;
  errors.add("ordering",
             "More than " + std::to_string(ordered_rows_max) +
                 " results cannot be put in order at once. Ask for fewer: by a smaller offset and a "
                 "limit, by search, or by a filter.");
  return field_errors_response(errors);
}

}  // namespace fedlog::http
