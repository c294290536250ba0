#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <filesystem>
#include <span>
#include <utility>

#include "ml/byte_reader.h"
#include "ml/file_error.h"

namespace fedlog::ml {

// An open file, closed with its owner. Reads and writes are at given offsets, so threads may share it.
class FileDescriptor {
 public:
  // Makes the file, or empties it.
  [[nodiscard]] static std::expected<FileDescriptor, FileError> create(const std::filesystem::path& path);

  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~FileDescriptor();

  // All of `out` or an error; a file that is too short is one.
  [[nodiscard]] std::expected<void, FileError> read_at(std::uint64_t offset, std::span<std::byte> out) const;
  [[nodiscard]] std::expected<void, FileError> write_at(std::uint64_t offset, Bytes bytes) const;

 private:
  explicit FileDescriptor(int number) : number_(number) {}

  int number_;
};

}  // namespace fedlog::ml
