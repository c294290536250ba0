#include "ml/zip_archive.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "ml/checksum.h"
#include "ml/zip_directory.h"

namespace fedlog::ml {
namespace {

// zlib's stream over one record. Gives its content piece by piece.
class Inflater {
 public:
  explicit Inflater(Bytes compressed) : rest_(compressed) {
    if (inflateInit2(&stream_, -MAX_WBITS) != Z_OK) {
      throw std::runtime_error("zlib cannot start to inflate");
    }
  }
  ~Inflater() { inflateEnd(&stream_); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  // Fills as much of `out` as the stream has; 0 at its end, nothing if it is broken.
  std::optional<std::size_t> read(std::span<std::byte> out) {
    stream_.next_out = reinterpret_cast<Bytef*>(out.data());
    stream_.avail_out = static_cast<uInt>(std::min(out.size(), max_step));
    const std::size_t wanted = stream_.avail_out;
    while (stream_.avail_out > 0 && !ended_) {
      if (stream_.avail_in == 0) {
        const std::size_t step = std::min(rest_.size(), max_step);
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(rest_.data()));
        stream_.avail_in = static_cast<uInt>(step);
        rest_ = rest_.subspan(step);
      }
      const int result = inflate(&stream_, Z_NO_FLUSH);
      ended_ = result == Z_STREAM_END;
      if (result != Z_OK && result != Z_STREAM_END) {
        return std::nullopt;
      }
    }
    return wanted - stream_.avail_out;
  }

  // All compressed bytes were needed.
  [[nodiscard]] bool used_all() const { return ended_ && rest_.empty() && stream_.avail_in == 0; }

 private:
  static constexpr std::size_t max_step = std::size_t{1} << 30;
  z_stream stream_{};
  Bytes rest_;
  bool ended_ = false;
};

std::unexpected<FileError> record_error(FileErrorCode code, const ZipEntry& entry, const std::string& what) {
  return file_error(code, "The archive's record \"" + printable(entry.name) + "\" " + what + ".");
}

std::expected<void, FileError> verify_deflated(const ZipEntry& entry, Bytes compressed,
                                               const FileLimits& limits) {
  // Small records compress well without harm.
  constexpr std::uint64_t always_allowed = 64 * 1024;
  if (entry.size_bytes > always_allowed &&
      entry.size_bytes / limits.inflation_ratio > entry.stored_size_bytes) {
    return record_error(
        FileErrorCode::over_limit, entry,
        "inflates to more than " + std::to_string(limits.inflation_ratio) + " times its compressed size");
  }
  Inflater inflater(compressed);
  std::array<std::byte, 32 * 1024> block;
  std::uint64_t size = 0;
  std::uint32_t crc = 0;
  while (true) {
    const auto count = inflater.read(block);
    if (!count) {
      return record_error(FileErrorCode::malformed, entry, "is not a sound deflate stream");
    }
    if (*count == 0) {
      break;
    }
    size += *count;
    if (size > entry.size_bytes) {
      return record_error(FileErrorCode::malformed, entry, "inflates past its declared size");
    }
    crc = crc32_of(Bytes(block).first(*count), crc);
  }
  if (size != entry.size_bytes || !inflater.used_all()) {
    return record_error(FileErrorCode::malformed, entry, "does not inflate to its declared size");
  }
  if (crc != entry.crc32) {
    return record_error(FileErrorCode::checksum, entry,
                        "does not match its checksum: the file was damaged. Send it again");
  }
  return {};
}

std::expected<void, FileError> verify(const std::vector<ZipEntry>& entries, Bytes file,
                                      const FileLimits& limits) {
  std::uint64_t inflated_size = 0;
  for (const ZipEntry& entry : entries) {
    const Bytes stored = file.subspan(entry.data_offset, entry.stored_size_bytes);
    if (entry.deflated) {
      if (entry.size_bytes > limits.inflated_size_bytes - inflated_size) {
        return record_error(FileErrorCode::over_limit, entry,
                            "and those before it inflate to more than is allowed");
      }
      inflated_size += entry.size_bytes;
      if (auto verified = verify_deflated(entry, stored, limits); !verified) {
        return verified;
      }
    } else if (!limits.checksums_verified && crc32_of(stored) != entry.crc32) {
      return record_error(FileErrorCode::checksum, entry,
                          "does not match its checksum: the file was damaged. Send it again");
    }
  }
  return {};
}

}  // namespace

std::expected<ZipArchive, FileError> ZipArchive::open(Bytes file, const FileLimits& limits) {
  ZipArchive archive(file);
  auto entries = read_zip_directory(file, limits);
  if (!entries) {
    return std::unexpected(std::move(entries.error()));
  }
  archive.entries_ = std::move(*entries);
  archive.by_name_.reserve(archive.entries_.size());
  for (std::size_t i = 0; i < archive.entries_.size(); ++i) {
    if (!archive.by_name_.emplace(archive.entries_[i].name, i).second) {
      return record_error(FileErrorCode::malformed, archive.entries_[i], "occurs twice");
    }
  }
  if (auto verified = verify(archive.entries_, file, limits); !verified) {
    return std::unexpected(std::move(verified.error()));
  }
  return archive;
}

const ZipEntry* ZipArchive::find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &entries_[found->second];
}

Bytes ZipArchive::stored_bytes(const ZipEntry& entry) const {
  return file_.subspan(entry.data_offset, entry.stored_size_bytes);
}

std::vector<std::byte> ZipArchive::read(const ZipEntry& entry) const {
  const Bytes stored = stored_bytes(entry);
  if (!entry.deflated) {
    return {stored.begin(), stored.end()};
  }
  std::vector<std::byte> content(entry.size_bytes);
  Inflater inflater(stored);
  std::size_t size = 0;
  while (size < content.size()) {
    const auto count = inflater.read(std::span(content).subspan(size));
    if (!count || *count == 0) {
      throw std::logic_error(
          "a verified record inflates differently now: the file was changed under its reader");
    }
    size += *count;
  }
  return content;
}

}  // namespace fedlog::ml
