#include "http/page_links.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace fedlog::http {

namespace {

// As Python's quote_plus, which DRF's links are made with.
void append_quoted(std::string& text, std::string_view value) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : value) {
    const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    if (letter || c == '_' || c == '.' || c == '-' || c == '~') {
      text += c;
    } else if (c == ' ') {
      text += '+';
    } else {
      const auto byte = static_cast<unsigned char>(c);
      text += '%';
      text += digits[byte >> 4];
      text += digits[byte & 15];
    }
  }
}

// A request without a Host (HTTP/1.0) gets a link that is relative to its own server.
std::string link(const Request& request, std::uint64_t limit, std::uint64_t offset) {
  std::vector<NameValue> parameters;
  for (const auto& parameter : request.query) {
    if (parameter.first != "limit" && parameter.first != "offset") parameters.push_back(parameter);
  }
  parameters.emplace_back("limit", std::to_string(limit));
  if (offset > 0) parameters.emplace_back("offset", std::to_string(offset));
  std::ranges::stable_sort(parameters, {}, &NameValue::first);

  const auto host = request.headers.get("Host");
  auto text = host.empty() ? std::string{} : request.scheme + "://" + std::string{host};
  text += request.raw_path;
  char separator = '?';
  for (const auto& [name, value] : parameters) {
    text += separator;
    append_quoted(text, name);
    text += '=';
    append_quoted(text, value);
    separator = '&';
  }
  return text;
}

}  // namespace

PageLinks page_links(const Request& request, const ListQuery::Page& page, std::uint64_t count) {
  PageLinks links;
  if (page.offset < count && count - page.offset > page.limit) {
    links.next = link(request, page.limit, page.offset + page.limit);
  }
  if (page.offset > 0) {
    links.previous = link(request, page.limit, page.offset - std::min(page.offset, page.limit));
  }
  return links;
}

}  // namespace fedlog::http
