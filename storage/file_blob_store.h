#pragma once

#include "storage/blob_store.h"

namespace fedlog::storage {

// Blobs as plain files `blobs/ab/<sha256>`, written in `temporary` first, which must be on the same file
// system. FORMAT.md, "Blobs".
class FileBlobStore final : public BlobStore {
 public:
  // Both folders must exist.
  FileBlobStore(std::filesystem::path blobs, std::filesystem::path temporary);

  [[nodiscard]] std::expected<std::unique_ptr<BlobWriter>, BlobError> create() override;
  [[nodiscard]] std::expected<std::filesystem::path, BlobError> path(domain::BlobId id) const override;
  [[nodiscard]] std::expected<std::uint64_t, BlobError> size_bytes(domain::BlobId id) const override;
  [[nodiscard]] std::expected<std::string, BlobError> read(domain::BlobId id) const override;

 private:
  std::filesystem::path blobs_;
  std::filesystem::path temporary_;
};

}  // namespace fedlog::storage
