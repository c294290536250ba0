#pragma once

#include "http/body.h"
#include "http/router.h"

namespace fedlog::http {

// OPTIONS' `actions`, as DRF's SimpleMetadata has them: of POST and PUT, each declared field's type, label
// and bounds. Empty where no field is declared.
[[nodiscard]] Body actions_of(const Route& route);

}  // namespace fedlog::http
