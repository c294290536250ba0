#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ml/byte_reader.h"
#include "ml/file_error.h"
#include "ml/file_limits.h"

namespace fedlog::ml {

// One record of a zip archive. Offsets count from the start of the file.
struct ZipEntry {
  std::string name;
  bool deflated = false;
  std::uint64_t size_bytes = 0;
  std::uint64_t stored_size_bytes = 0;
  std::uint64_t data_offset = 0;
  std::uint32_t crc32 = 0;
  // Where the record's CRC stands, for a writer that replaces its bytes. The local header's is absent when it
  // is zero because a data descriptor follows.
  std::uint64_t central_crc_offset = 0;
  std::optional<std::uint64_t> local_crc_offset;
  std::optional<std::uint64_t> descriptor_crc_offset;
};

// Reader of zip archives (PKWARE APPNOTE 6.3, zip64, methods stored and deflate) that accepts one reading of
// a file only: records tile the file from its first byte to the central directory, local headers agree with
// the directory, names are unique relative paths in UTF-8, and every CRC is right. What another reader could
// see differently is an error. The bytes stay the caller's and must outlive the archive. Immutable after
// open.
class ZipArchive {
 public:
  [[nodiscard]] static std::expected<ZipArchive, FileError> open(Bytes file, const FileLimits& limits = {});

  [[nodiscard]] const std::vector<ZipEntry>& entries() const { return entries_; }
  [[nodiscard]] const ZipEntry* find(std::string_view name) const;

  // Bytes of a stored record in place. Precondition: not deflated.
  [[nodiscard]] Bytes stored_bytes(const ZipEntry& entry) const;
  // The record's content, inflated if need be. Open has verified that it inflates to its declared size.
  [[nodiscard]] std::vector<std::byte> read(const ZipEntry& entry) const;

 private:
  explicit ZipArchive(Bytes file) : file_(file) {}

  Bytes file_;
  std::vector<ZipEntry> entries_;
  std::unordered_map<std::string_view, std::size_t> by_name_;
};

}  // namespace fedlog::ml
