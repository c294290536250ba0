#pragma once

#include <cstddef>
#include <expected>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace fedlog::storage {

struct FileFailure {
  bool disk_full = false;
  std::string message;  // names the file
};

using FileResult = std::expected<void, FileFailure>;

// What errno says about `path`, after a failed call.
[[nodiscard]] FileFailure file_failure(std::string_view what, const std::filesystem::path& path);

// An open file, closed with its owner. -1: none.
class FileHandle {
 public:
  explicit FileHandle(int descriptor = -1) : descriptor_(descriptor) {}
  FileHandle(FileHandle&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileHandle& operator=(FileHandle&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~FileHandle();
  [[nodiscard]] int get() const { return descriptor_; }
  [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }

 private:
  int descriptor_;
};

// Creates a file that only this user can read; fails where there is one.
[[nodiscard]] std::expected<FileHandle, FileFailure> create_private_file(const std::filesystem::path& path);
[[nodiscard]] FileResult write_all(const FileHandle& file, std::span<const std::byte> bytes,
                                   const std::filesystem::path& path);
[[nodiscard]] FileResult sync_file(const FileHandle& file, const std::filesystem::path& path);
[[nodiscard]] FileResult sync_folder(const std::filesystem::path& folder);

// Creates a folder that only this user can enter, durably; an existing one is no error. Parents must exist.
[[nodiscard]] FileResult create_private_folder(const std::filesystem::path& folder);

// Renames and makes the name durable.
[[nodiscard]] FileResult move_durably(const std::filesystem::path& from, const std::filesystem::path& to);

// After it, or after a crash during it, the file holds the old or the new content.
[[nodiscard]] FileResult replace_file(const std::filesystem::path& path, std::string_view content);

// None: there is no such file. Reads at most `limit_bytes`.
[[nodiscard]] std::expected<std::optional<std::string>, FileFailure> read_file(
    const std::filesystem::path& path, std::size_t limit_bytes);

}  // namespace fedlog::storage
