#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "actors/delivery.h"
#include "actors/endpoint.h"
#include "actors/receiver_connection.h"

namespace fedlog::actors {

// What is posted; with a secret it is signed.
struct WebhookMessage {
  std::string delivery;  // its id
  std::string body;      // JSON
  std::optional<std::string> secret = {};
};

// Posts messages over HTTP/1.1. The receiver is not trusted: however slowly it sends, the total time-out
// holds; an answer's head is read up to 8 KiB, and its body not at all; redirections are not followed; and
// nothing is sent to an address that is not permitted, whatever its name. No proxy is used. Any thread.
class Webhook {
 public:
  using Permits = std::function<bool(const IpAddress&)>;

  explicit Webhook(ConnectionOptions options);

  // One attempt; blocks, until `cut_off` says to end it, if there is one.
  [[nodiscard]] Attempt post(const Endpoint& endpoint, const WebhookMessage& message,
                             const Interruption* cut_off = nullptr) const;

 private:
  ConnectionOptions options_;
  std::shared_ptr<const TlsClients> tls_;
};

}  // namespace fedlog::actors
