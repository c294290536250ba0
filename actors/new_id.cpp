#include "actors/new_id.h"

#include <sodium.h>

namespace fedlog::actors {

domain::Uuid new_id() {
  domain::Uuid uuid;
  randombytes_buf(uuid.bytes.data(), uuid.bytes.size());
  uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0f) | 0x40);
  uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3f) | 0x80);
  return uuid;
}

}  // namespace fedlog::actors
