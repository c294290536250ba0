#include "ml/file_descriptor.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace fedlog::ml {
namespace {

std::unexpected<FileError> system_error(const std::string& what) {
  return file_error(FileErrorCode::io, what + ": " + std::generic_category().message(errno) + ".");
}

}  // namespace

std::expected<FileDescriptor, FileError> FileDescriptor::create(const std::filesystem::path& path) {
  const int number = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (number < 0) {
    return system_error("Cannot create " + printable(path.filename().string()));
  }
  return FileDescriptor(number);
}

FileDescriptor::~FileDescriptor() {
  if (number_ >= 0) {
    ::close(number_);
  }
}

std::expected<void, FileError> FileDescriptor::read_at(std::uint64_t offset, std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t count = ::pread(number_, out.data(), out.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return system_error("Cannot read a model file");
    }
    if (count == 0) {
      return file_error(FileErrorCode::io, "A model file became shorter while it was read.");
    }
    out = out.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

std::expected<void, FileError> FileDescriptor::write_at(std::uint64_t offset, Bytes bytes) const {
  while (!bytes.empty()) {
    const ssize_t count = ::pwrite(number_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count < 0) {
      return system_error("Cannot write the result");
    }
    bytes = bytes.subspan(static_cast<std::size_t>(count));
    offset += static_cast<std::uint64_t>(count);
  }
  return {};
}

}  // namespace fedlog::ml
