#pragma once

#include "storage/blob_store.h"

namespace fedlog::storage {

class BlobHolds;

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
  [[nodiscard]] std::expected<BlobHold, BlobError> hold(domain::BlobId id) override;
  [[nodiscard]] std::expected<bool, BlobError> remove_unless(domain::BlobId id,
                                                             const std::function<bool()>& is_needed) override;
  void visit(const std::function<bool(domain::BlobId)>& visit) const override;
  void when_let_go(std::function<void(domain::BlobId)> let_go) override;

 private:
  std::filesystem::path blobs_;
  std::filesystem::path temporary_;
  std::shared_ptr<BlobHolds> holds_;
};

}  // namespace fedlog::storage
