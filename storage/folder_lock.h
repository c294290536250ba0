#pragma once

#include <expected>
#include <filesystem>
#include <string>

#include "storage/files.h"

namespace fedlog::storage {

// Holds a data folder's LOCK until it is destroyed, or the process ends, however it does.
class FolderLock {
 public:
  // The error names the process that holds it.
  [[nodiscard]] static std::expected<FolderLock, std::string> take(const std::filesystem::path& file);

 private:
  explicit FolderLock(FileHandle file) : file_(std::move(file)) {}

  FileHandle file_;
};

}  // namespace fedlog::storage
