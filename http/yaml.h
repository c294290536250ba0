#pragma once

#include <string>

#include "http/body.h"

namespace fedlog::http {

// The value as YAML 1.1 and 1.2 read it alike, in block style. Text that could be taken for anything else
// than text is quoted, and what is not printable ASCII is escaped.
[[nodiscard]] std::string to_yaml(const Body& value);

}  // namespace fedlog::http
