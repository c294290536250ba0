#include "storage/stored_key_ring.h"

#include <algorithm>
#include <stdexcept>

#include "storage/described.h"

namespace fedlog::storage {
namespace {

std::string secret_name(domain::UserId user) {
  return "user-key/" + user.text();
}

}  // namespace

std::optional<UserKey> StoredKeyRing::key_of(domain::UserId user) const {
  const auto name = secret_name(user);
  const auto wrapped = reader_->get(Table::secrets, name);
  if (!wrapped) return std::nullopt;
  const auto plain = vault_->unseal(name, *wrapped);
  UserKey key{};
  if (!plain || plain->size() != key.size()) {
    throw std::runtime_error("the key of user " + user.text() + " cannot be unwrapped: it is damaged");
  }
  std::ranges::copy(*plain, key.begin());
  return key;
}

std::string StoredKeyRing::lookup_digest(std::string_view text) const {
  return vault_->digest(text);
}

SecretChange wrapped_key(const Vault& vault, domain::UserId user, const UserKey& key) {
  const auto name = secret_name(user);
  return {.key = name, .value = vault.seal(name, described::view_of(key))};
}

}  // namespace fedlog::storage
