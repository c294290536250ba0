#pragma once

#include <cstddef>
#include <expected>
#include <filesystem>
#include <functional>
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

// While one lives, its blob is not removed. Copies share it; it may outlive the store.
using BlobHold = std::shared_ptr<const void>;

// A blob on its way in: bytes are hashed while they are written, in constant memory. Dropping it leaves
// nothing behind. One thread at a time.
class BlobWriter {
 public:
  virtual ~BlobWriter() = default;
  [[nodiscard]] virtual std::expected<void, BlobError> write(std::span<const std::byte> bytes) = 0;
  [[nodiscard]] virtual std::uint64_t size_bytes() const = 0;

  // Where the bytes are until commit: for checking them before they are kept. Flushed, readable, private.
  [[nodiscard]] virtual std::expected<std::filesystem::path, BlobError> path() = 0;

  // Durable when it returns; the same content twice is one blob. Nothing may be written afterwards. From here
  // on the writer holds the blob: keep it, or its hold, until an event that refers to the blob is durable.
  [[nodiscard]] virtual std::expected<domain::BlobId, BlobError> commit() = 0;

  // Of the committed blob.
  [[nodiscard]] virtual BlobHold hold() const = 0;
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

  // For who will refer to a blob that somebody else may give up meanwhile.
  [[nodiscard]] virtual std::expected<BlobHold, BlobError> hold(domain::BlobId id) = 0;

  // Removes the blob, unless somebody holds it or `is_needed` says yes; nobody can take hold of it in
  // between. Whether it was removed; one that is not there was not.
  [[nodiscard]] virtual std::expected<bool, BlobError> remove_unless(
      domain::BlobId id, const std::function<bool()>& is_needed) = 0;

  // Visits the blobs, in no order, until `visit` returns false. Those that come and go meanwhile may be
  // missed.
  virtual void visit(const std::function<bool(domain::BlobId)>& visit) const = 0;

  // `let_go` is called, on any thread, when a blob's last hold ends; it must not block. Empty: nothing is.
  virtual void when_let_go(std::function<void(domain::BlobId)> let_go) = 0;

  // Bytes to blob in one go; nobody holds it then.
  [[nodiscard]] std::expected<domain::BlobId, BlobError> put(std::span<const std::byte> bytes);
};

}  // namespace fedlog::storage
