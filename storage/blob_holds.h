#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "storage/blob_store.h"

namespace fedlog::storage {

// Which blobs stay because somebody is about to refer to them, or reads them: counted by blob. Any thread.
class BlobHolds : public std::enable_shared_from_this<BlobHolds> {
 public:
  // Always given, whether there is such a blob or not.
  [[nodiscard]] BlobHold take(domain::BlobId id);

  // Runs `action` unless the blob is held, and nobody takes hold of it meanwhile. What `action` returned, or
  // false.
  [[nodiscard]] bool unless_held(domain::BlobId id, const std::function<bool()>& action);

  // As BlobStore::when_let_go.
  void when_let_go(std::function<void(domain::BlobId)> let_go);

 private:
  void end(domain::BlobId id);

  std::mutex mutex_;
  std::map<domain::BlobId, std::size_t> counts_;
  std::function<void(domain::BlobId)> let_go_;
};

}  // namespace fedlog::storage
