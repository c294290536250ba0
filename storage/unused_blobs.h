#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "storage/storage.h"

// Frees the room of blobs that nothing needs any more. What needs a blob is in the log, and who is about to
// need one holds it (blob_store.h), so a blob goes only when it can be missed: after an interruption at any
// moment, blobs may be left over, and none is missing.
namespace fedlog::storage {

// Removes the blob unless it is needed or held. Whether it was removed; the error is for the server's log.
// Throws std::runtime_error where a stored row is damaged.
[[nodiscard]] std::expected<bool, std::string> remove_if_unused(Storage& storage, domain::BlobId id);

// The blobs that may have become unused because `stream`, a model's or a training's, ended with its deletion;
// none where it did not. A model's are also those of its trainings, whose metrics it had.
[[nodiscard]] std::vector<domain::BlobId> given_up_with(Storage& storage, const StreamName& stream);

}  // namespace fedlog::storage
