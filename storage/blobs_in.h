#pragma once

#include <vector>

#include "domain/fields.h"
#include "domain/identifiers.h"
#include "storage/described.h"

namespace fedlog::storage {

namespace described {

template <class T>
void collect_blobs(const T& value, std::vector<domain::BlobId>& blobs) {
  if constexpr (std::same_as<T, domain::BlobId>) {
    blobs.push_back(value);
  } else if constexpr (is_optional<T>) {
    if (value) collect_blobs(*value, blobs);
  } else if constexpr (is_vector<T>) {
    for (const auto& element : value) collect_blobs(element, blobs);
  } else if constexpr (domain::Described<T>) {
    domain::for_each_field<T>(value,
                              [&](std::string_view, const auto& field) { collect_blobs(field, blobs); });
  }
}

}  // namespace described

// The blobs that a described value names, in the order of its fields.
template <domain::Described T>
std::vector<domain::BlobId> blobs_in(const T& value) {
  std::vector<domain::BlobId> blobs;
  described::collect_blobs(value, blobs);
  return blobs;
}

}  // namespace fedlog::storage
