#pragma once

#include <memory>
#include <string>

#include "actors/gateway.h"
#include "domain/training.h"
#include "storage/blob_store.h"

namespace fedlog::actors {

// Files that come in: received into blobs, checked before they are kept. Any thread; an upload by one thread
// at a time.
class Uploads {
 public:
  Uploads(storage::BlobStore& blobs, bool require_finite);

  [[nodiscard]] Result<std::unique_ptr<Upload>> begin();

  // Each checks the received file and makes it durable; keep the upload until an event refers to its blob.
  // The errors are for the one who sent it.
  [[nodiscard]] Result<domain::BlobId> keep_model(Upload& upload);
  [[nodiscard]] Result<domain::BlobId> keep_preprocessing(Upload& upload);
  [[nodiscard]] Result<domain::BlobId> keep_update(Upload& upload, domain::BlobId base);

  // Moments of the weights of a model with the file `base`.
  struct Moments {
    domain::BlobId first;
    domain::BlobId second;
    std::string form;  // of both
  };
  [[nodiscard]] Result<Moments> keep_moments(Upload& first, Upload& second, domain::BlobId base);

  // Metrics that are bytes become blobs, held until an event refers to them.
  struct KeptMetrics {
    std::vector<domain::Metric> metrics;
    std::vector<storage::BlobHold> holds;
  };
  [[nodiscard]] Result<KeptMetrics> keep_metrics(const std::vector<MetricInput>& metrics);

 private:
  storage::BlobStore& blobs_;
  bool require_finite_;
};

// What a caller is told when the blob store fails.
[[nodiscard]] domain::Rejection rejection_of(storage::BlobError error);

}  // namespace fedlog::actors
