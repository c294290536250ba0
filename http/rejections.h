#pragma once

#include "domain/rejection.h"
#include "http/message.h"

namespace fedlog::http {

// The answer to a command that was not carried out: one table from reason to status and shape of body. Its
// hint stands in the header X-Fedlog-Hint, and as x_hint where the body has `detail`: lists and errors of
// fields have no room for it.
[[nodiscard]] Response rejection_response(const domain::Rejection& rejection);

}  // namespace fedlog::http
