#pragma once

#include <chrono>

#include "actors/delivery.h"
#include "actors/endpoint.h"
#include "storage/views.h"

namespace fedlog::actors {

struct WebhookTimeouts {
  std::chrono::milliseconds connect{3'000};
  std::chrono::milliseconds answer{30'000};  // from the connection to the end of the answer's head
};

// One attempt to deliver over HTTP; blocks. The receiver is not trusted: however slowly it sends, the
// answer's time-out holds, an answer's head is read up to 8 KiB, and its body not at all. Redirections are
// not followed.
[[nodiscard]] Attempt post_webhook(const Endpoint& endpoint, const storage::OutboxRow& row,
                                   const WebhookTimeouts& timeouts);

}  // namespace fedlog::actors
