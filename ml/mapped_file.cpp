#include "ml/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <system_error>

namespace fedlog::ml {
namespace {

std::unexpected<FileError> system_error(const char* what, const std::filesystem::path& path) {
  return file_error(FileErrorCode::io, std::string(what) + " " + printable(path.filename().string()) + ": " +
                                           std::generic_category().message(errno) + ".");
}

}  // namespace

std::expected<MappedFile, FileError> MappedFile::open(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) {
    return system_error("Cannot open", path);
  }
  struct stat status{};
  if (::fstat(descriptor, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(descriptor);
    return file_error(FileErrorCode::io, printable(path.filename().string()) + " is not a regular file.");
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) {
    ::close(descriptor);
    return MappedFile{};
  }
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  ::close(descriptor);
  if (address == MAP_FAILED) {
    return system_error("Cannot map", path);
  }
  ::madvise(address, size, MADV_SEQUENTIAL);
  return MappedFile(Bytes(static_cast<const std::byte*>(address), size));
}

// With no other system calls than a sandbox allows.
std::expected<MappedFile, FileError> MappedFile::of_descriptor(int descriptor) {
  const auto end = ::lseek(descriptor, 0, SEEK_END);
  if (end < 0) return system_error("Cannot read", "the file");
  if (end == 0) return MappedFile{};
  const auto size = static_cast<std::size_t>(end);
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (address == MAP_FAILED) return system_error("Cannot map", "the file");
  return MappedFile(Bytes(static_cast<const std::byte*>(address), size));
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) {
    ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
  }
}

void MappedFile::release_pages() const {
  if (!bytes_.empty()) {
    ::madvise(const_cast<std::byte*>(bytes_.data()), bytes_.size(), MADV_DONTNEED);
  }
}

void MappedFile::release_pages(std::uint64_t begin, std::uint64_t size) const {
  static const auto page_bytes = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  // A page that is touched brings its neighbours with it, among them some that were released before.
  constexpr std::uint64_t brought_bytes = std::uint64_t{4} << 20;
  const std::uint64_t end = std::min<std::uint64_t>(begin + size + brought_bytes, bytes_.size());
  begin = (begin - std::min(begin, brought_bytes)) / page_bytes * page_bytes;
  if (begin < end) ::madvise(const_cast<std::byte*>(bytes_.data()) + begin, end - begin, MADV_DONTNEED);
}

}  // namespace fedlog::ml
