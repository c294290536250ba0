#pragma once

#include <expected>
#include <filesystem>
#include <utility>

#include "ml/byte_reader.h"
#include "ml/file_error.h"

namespace fedlog::ml {

// A whole file mapped read-only. The file must not shrink meanwhile: blobs never change once they are stored.
// Move-only.
class MappedFile {
 public:
  [[nodiscard]] static std::expected<MappedFile, FileError> open(const std::filesystem::path& path);

  // The file behind an open descriptor, which stays the caller's. Its position is moved.
  [[nodiscard]] static std::expected<MappedFile, FileError> of_descriptor(int descriptor);

  MappedFile() = default;
  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&& other) noexcept {
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~MappedFile();

  [[nodiscard]] Bytes bytes() const { return bytes_; }
  // Gives the pages back to the system; they are read again when touched.
  void release_pages() const;
  // Of a part of it, and of what lies next to it.
  void release_pages(std::uint64_t begin, std::uint64_t size) const;

 private:
  explicit MappedFile(Bytes bytes) : bytes_(bytes) {}

  Bytes bytes_;
};

}  // namespace fedlog::ml
