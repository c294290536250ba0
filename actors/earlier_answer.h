#pragma once

#include <optional>
#include <string>

#include "actors/gateway.h"
#include "storage/journal.h"

namespace fedlog::actors {

// What the same request was answered when it was carried out before. Asked before anything else, since what
// the request did then may be the reason why it would be refused now.
[[nodiscard]] inline std::optional<std::string> earlier_answer(storage::Journal& journal,
                                                               const RequestContext& context) {
  return context.idempotency_key.empty() ? std::nullopt : journal.reply_to(context.idempotency_key);
}

}  // namespace fedlog::actors
