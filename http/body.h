#pragma once

#include <nlohmann/json.hpp>

namespace fedlog::http {

// JSON whose objects keep their fields in the order of insertion: what answers are made of.
using Body = nlohmann::ordered_json;

}  // namespace fedlog::http
