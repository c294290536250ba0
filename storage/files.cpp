#include "storage/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace fedlog::storage {
namespace {

constexpr mode_t private_file_mode = 0600;
constexpr mode_t private_folder_mode = 0700;

std::filesystem::path folder_of(const std::filesystem::path& path) {
  const auto parent = path.parent_path();
  return parent.empty() ? std::filesystem::path(".") : parent;
}

}  // namespace

FileFailure file_failure(std::string_view what, const std::filesystem::path& path) {
  const int error = errno;
  return {.disk_full = error == ENOSPC || error == EDQUOT,
          .message =
              std::string(what) + " " + path.string() + " failed: " + std::generic_category().message(error)};
}

FileHandle::~FileHandle() {
  if (is_open()) ::close(descriptor_);
}

std::expected<FileHandle, FileFailure> create_private_file(const std::filesystem::path& path) {
  FileHandle file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, private_file_mode));
  if (!file.is_open()) return std::unexpected(file_failure("creating", path));
  return file;
}

FileResult write_all(const FileHandle& file, std::span<const std::byte> bytes,
                     const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const auto written = ::write(file.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(file_failure("writing", path));
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
  return {};
}

FileResult sync_file(const FileHandle& file, const std::filesystem::path& path) {
  if (::fsync(file.get()) != 0) return std::unexpected(file_failure("syncing", path));
  return {};
}

FileResult sync_folder(const std::filesystem::path& folder) {
  const FileHandle handle(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!handle.is_open()) return std::unexpected(file_failure("opening", folder));
  return sync_file(handle, folder);
}

FileResult create_private_folder(const std::filesystem::path& folder) {
  if (::mkdir(folder.c_str(), private_folder_mode) == 0) return sync_folder(folder_of(folder));
  if (errno == EEXIST && std::filesystem::is_directory(folder)) return {};
  return std::unexpected(file_failure("creating", folder));
}

FileResult move_durably(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return std::unexpected(file_failure("renaming to", to));
  return sync_folder(folder_of(to));
}

FileResult replace_file(const std::filesystem::path& path, std::string_view content) {
  auto temporary = path;
  temporary += ".new";
  ::unlink(temporary.c_str());  // of a crash
  auto file = create_private_file(temporary);
  if (!file) return std::unexpected(file.error());
  if (auto result = write_all(*file, std::as_bytes(std::span{content}), temporary); !result) return result;
  if (auto result = sync_file(*file, temporary); !result) return result;
  return move_durably(temporary, path);
}

std::expected<std::optional<std::string>, FileFailure> read_file(const std::filesystem::path& path,
                                                                 std::size_t limit_bytes) {
  const FileHandle file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.is_open() && errno == ENOENT) return std::nullopt;
  if (!file.is_open()) return std::unexpected(file_failure("opening", path));
  std::string content;
  while (content.size() < limit_bytes) {
    char buffer[16384];
    const auto wanted = std::min(sizeof buffer, limit_bytes - content.size());
    const auto got = ::read(file.get(), buffer, wanted);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(file_failure("reading", path));
    if (got == 0) break;
    content.append(buffer, static_cast<std::size_t>(got));
  }
  return content;
}

}  // namespace fedlog::storage
