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

BoundedText& ListText::begin_row() {
  auto& text = rows_.text();
  row_start_ = text.size();
  if (text.size() > 1) text += ',';
  return rows_;
}

bool ListText::end_row(const actors::Result<void>& written) {
  if (!written && written.error().reason == domain::Reason::model_not_found) {
    rows_.text().resize(row_start_);
    return true;
  }
  const auto taken = written ? rows_.check() : written;
  if (!taken) failure_ = taken.error();
  return taken.has_value();
}

Response ListText::response(const Request& request, const ListQuery& query, std::uint64_t count) && {
  if (failure_) return rejection_response(*failure_);
  auto& rows = rows_.text();
  Response response;
  response.headers.add("Content-Type", "application/json");
  response.share = rows_.share();
  rows += ']';
  if (!query.page) {
    response.body = std::move(rows);
    return response;
  }
  const auto links = page_links(request, *query.page, count);
  const auto text_of = [](const nlohmann::json& link) {
    return link.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  };
  response.body = "{\"count\":" + std::to_string(count) + ",\"next\":" + text_of(links.next) +
                  ",\"previous\":" + text_of(links.previous) + ",\"results\":" + std::move(rows) + "}";
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
