#include "storage/folder_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>

namespace fedlog::storage {

std::expected<FolderLock, std::string> FolderLock::take(const std::filesystem::path& file) {
  FileHandle handle(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!handle.is_open()) return std::unexpected(file_failure("opening", file).message);
  if (::flock(handle.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return std::unexpected(file_failure("locking", file).message);
    const auto holder = read_file(file, 32);
    const auto process = holder && *holder ? (*holder)->substr(0, (*holder)->find('\n')) : std::string{};
    return std::unexpected("the data folder " + file.parent_path().string() + " is in use by process " +
                           (process.empty() ? "(unknown)" : process) +
                           "; stop it first, or ask the running server");
  }
  const auto text = std::to_string(::getpid()) + "\n";
  if (::ftruncate(handle.get(), 0) != 0) return std::unexpected(file_failure("writing", file).message);
  // Only for people: the lock holds without it, so a full disk does not matter here.
  std::ignore = write_all(handle, std::as_bytes(std::span{text}), file);
  return FolderLock(std::move(handle));
}

}  // namespace fedlog::storage
