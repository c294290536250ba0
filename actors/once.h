#pragma once

#include <optional>
#include <string>
#include <type_traits>

#include "actors/gateway.h"
#include "storage/journal.h"

namespace fedlog::actors {

// Does `act`, unless a request with the same idempotency key was carried out before: then `told` makes the
// answer of what was kept with that one. Asked first, since what the request did then may be the reason why
// it would be refused now; and asked again after a refusal, since the first may have been on its way until
// then.
template <class Act, class Told>
std::invoke_result_t<Act> once(storage::Journal& journal, const std::string& idempotency_key, const Act& act,
                               const Told& told) {
  const auto earlier = [&] {
    return idempotency_key.empty() ? std::nullopt : journal.reply_to(idempotency_key);
  };
  if (const auto answer = earlier()) return told(*answer);
  auto result = act();
  if (!result) {
    if (const auto answer = earlier()) return told(*answer);
  }
  return result;
}

// The same for what has no answer but that it is done.
template <class Act>
Result<void> once(storage::Journal& journal, const RequestContext& context, const Act& act) {
  return once(journal, context.idempotency_key, act, [](const std::string&) { return Result<void>{}; });
}

}  // namespace fedlog::actors
