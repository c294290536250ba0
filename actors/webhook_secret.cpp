#include "actors/webhook_secret.h"

namespace fedlog::actors {

std::string webhook_secret_key(domain::UserId user) {
  return "webhook-secret/" + user.text();
}

std::optional<std::string> webhook_secret_of(storage::Storage& storage, domain::UserId user) {
  const auto sealed = storage.journal().secret(webhook_secret_key(user));
  return sealed ? storage.unseal(*sealed) : std::nullopt;
}

}  // namespace fedlog::actors
