#pragma once

#include <string>
#include <string_view>

#include "domain/identifiers.h"
#include "storage/sha256.h"

namespace fedlog::simulation {

// Stands for a file with this content, and for what is computed from files: the name says it all.
inline domain::BlobId blob_of(std::string_view content) {
  return {storage::sha256(content)};
}

}  // namespace fedlog::simulation
