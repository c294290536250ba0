#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>

#include "http/list_query.h"
#include "http/message.h"

namespace fedlog::http {

// Absolute URLs of the pages beside one page, with the request's other parameters; null where there is none.
struct PageLinks {
  nlohmann::json next;
  nlohmann::json previous;
};
[[nodiscard]] PageLinks page_links(const Request& request, const ListQuery::Page& page, std::uint64_t count);

}  // namespace fedlog::http
