#pragma once

#include "http/body.h"

namespace fedlog::http {

// components.schemas of the API description: what the API answers, by name. A new serializer adds its schema
// here; a test compares the two.
[[nodiscard]] Body openapi_schemas();

}  // namespace fedlog::http
