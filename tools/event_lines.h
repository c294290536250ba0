#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace fedlog::tools {

// An envelope as the control socket sends it, in one line for people:
//   position time stream@version type  name=value ...
[[nodiscard]] std::string readable(const nlohmann::ordered_json& envelope);

}  // namespace fedlog::tools
