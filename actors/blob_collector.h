#pragma once

#include <memory>
#include <thread>

#include "storage/storage.h"

namespace fedlog::actors {

// Removes the blobs that nothing needs any more, on a thread of its own: what was left over by whoever used
// the storage before (once, at the start), what belonged to models and trainings that are deleted, and what
// came in and was refused. Any thread may call it.
class BlobCollector {
 public:
  // The storage must outlive it.
  explicit BlobCollector(storage::Storage& storage);
  // Leaves what is not done yet to the next start.
  ~BlobCollector();
  BlobCollector(const BlobCollector&) = delete;
  BlobCollector& operator=(const BlobCollector&) = delete;

  // A model or a training was deleted, durably.
  void deleted(storage::StreamName stream);

  // Until all that it knows of is done.
  void wait_until_done();

 private:
  struct Queue;

  void work(const std::stop_token& stop);
  void remove_leftovers(const std::stop_token& stop);

  storage::Storage& storage_;
  std::shared_ptr<Queue> queue_;
  std::jthread thread_;
};

}  // namespace fedlog::actors
