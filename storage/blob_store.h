#pragma once

#include <cstddef>
#include <expected>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "domain/identifiers.h"

namespace fedlog::storage {

enum class BlobError {
  disk_full,
  failed,   // another error of the file system
  missing,  // there is no such blob
};

// A blob on its way in: bytes are hashed while they are written, in constant memory. Dropping it leaves
// nothing behind. One thread at a time.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  [[nodiscard]] virtual std::expected<void, BlobError> write(std::span<const std::byte> bytes) = 0;
  [[nodiscard]] virtual std::uint64_t size_bytes() const = 0;

  // Where the bytes are until commit: for checking them before they are kept. Flushed, readable, private.
  [[nodiscard]] virtual std::expected<std::filesystem::path, BlobError> path() = 0;

  // Durable when it returns; the same content twice is one blob. Nothing may be written afterwards.
  [[nodiscard]] virtual std::expected<domain::BlobId, BlobError> commit() = 0;
};

// Immutable contents by their SHA-256, each a plain file. Any thread.
class BlobStore {
 public:
  virtual ~BlobStore() = default;
  [[nodiscard]] virtual std::expected<std::unique_ptr<BlobWriter>, BlobError> create() = 0;
  [[nodiscard]] virtual std::expected<std::filesystem::path, BlobError> path(domain::BlobId id) const = 0;
  [[nodiscard]] virtual std::expected<std::uint64_t, BlobError> size_bytes(domain::BlobId id) const = 0;

  // The whole content; for small blobs (metrics, preprocessing).
  [[nodiscard]] virtual std::expected<std::string, BlobError> read(domain::BlobId id) const = 0;

  // Bytes to blob in one go.
  [[nodiscard]] std::expected<domain::BlobId, BlobError> put(std::span<const std::byte> bytes);
};

}  // namespace fedlog::storage
