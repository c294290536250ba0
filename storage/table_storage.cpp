#include "storage/table_storage.h"

namespace fedlog::storage {
namespace {

constexpr std::string_view secret_purpose = "secret";  // stored in what is sealed; never change

}  // namespace

Storage::NewUserKey TableStorage::new_user_key(domain::UserId user) {
  UserKey key{};
  fill_random(key);
  return {.key = key, .secret = wrapped_key(vault_, user, key)};
}

std::string TableStorage::seal(std::string_view plain) const {
  return vault_.seal(secret_purpose, plain);
}

std::optional<std::string> TableStorage::unseal(std::string_view sealed) const {
  return vault_.unseal(secret_purpose, sealed);
}

}  // namespace fedlog::storage
