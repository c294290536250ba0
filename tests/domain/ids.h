#pragma once

#include "domain/identifiers.h"

// Ids that tests can tell apart at a glance.
namespace fedlog::domain::test {

template <class Id>
Id id(std::uint8_t number) {
  Id made;
  made.uuid.bytes[15] = number;
  return made;
}

inline UserId user(std::uint8_t number) {
  return id<UserId>(number);
}
inline ModelId model(std::uint8_t number) {
  return id<ModelId>(number);
}

inline BlobId blob(std::uint8_t number) {
  BlobId made;
  made.digest[31] = number;
  return made;
}

}  // namespace fedlog::domain::test
