#pragma once

#include "domain/rejection.h"
#include "http/message.h"

namespace fedlog::http {

// The answer to a command that was not carried out: one table from reason to status and shape of body.
[[nodiscard]] Response rejection_response(const domain::Rejection& rejection);

}  // namespace fedlog::http
