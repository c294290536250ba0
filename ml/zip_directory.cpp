#include "ml/zip_directory.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace fedlog::ml {
namespace {

using std::uint16_t;
using std::uint32_t;
using std::uint64_t;

// Signatures and sizes of APPNOTE 4.3.
constexpr uint32_t local_signature = 0x04034b50;
constexpr uint32_t central_signature = 0x02014b50;
constexpr uint32_t descriptor_signature = 0x08074b50;
constexpr uint32_t end_signature = 0x06054b50;
constexpr uint32_t zip64_end_signature = 0x06064b50;
constexpr uint32_t zip64_locator_signature = 0x07064b50;
constexpr uint64_t local_size = 30;
constexpr uint64_t central_size = 46;
constexpr uint64_t end_size = 22;
constexpr uint64_t zip64_end_size = 56;
constexpr uint64_t zip64_locator_size = 20;
constexpr uint64_t comment_limit = 0xFFFF;
constexpr uint16_t zip64_extra = 1;
constexpr uint32_t in_zip64 = 0xFFFFFFFF;
constexpr uint16_t flag_encrypted = 0x0001;
constexpr uint16_t flag_descriptor = 0x0008;
constexpr uint16_t flag_strong_encryption = 0x0040;
constexpr uint16_t flag_masked_headers = 0x2000;

using Failure = std::unexpected<FileError>;

Failure malformed(std::string message) {
  return file_error(FileErrorCode::malformed, std::move(message));
}

Failure malformed_record(std::string_view name, const std::string& what) {
  return malformed("The archive's record \"" + printable(name) + "\" " + what + ".");
}

struct Directory {
  uint64_t offset = 0;
  uint64_t size = 0;
  uint64_t entries = 0;
};

struct Central {
  ZipEntry entry;
  uint16_t flags = 0;
  uint16_t method = 0;
  uint64_t local_offset = 0;
};

std::optional<uint64_t> find_end_record(Bytes file) {
  if (file.size() < end_size) {
    return std::nullopt;
  }
  const uint64_t last = file.size() - end_size;
  const uint64_t first = last > comment_limit ? last - comment_limit : 0;
  for (uint64_t at = last + 1; at-- > first;) {
    if (load_little_endian<uint32_t>(file, at) == end_signature) {
      return at;
    }
  }
  return std::nullopt;
}

std::expected<Directory, FileError> read_end_record(Bytes file) {
  const auto found = find_end_record(file);
  if (!found) {
    return malformed("The zip archive has no end record: the file is truncated. Send it again.");
  }
  const uint64_t end = *found;
  if (load_little_endian<uint16_t>(file, end + 20) != file.size() - end - end_size) {
    return malformed("There are bytes after the zip archive's end record; the file must end with it.");
  }
  Directory directory{.offset = load_little_endian<uint32_t>(file, end + 16),
                      .size = load_little_endian<uint32_t>(file, end + 12),
                      .entries = load_little_endian<uint16_t>(file, end + 10)};
  const uint64_t disk_entries = load_little_endian<uint16_t>(file, end + 8);
  const uint32_t disks = load_little_endian<uint32_t>(file, end + 4);
  uint64_t directory_end = end;
  const bool has_locator =
      end >= zip64_locator_size + zip64_end_size &&
      load_little_endian<uint32_t>(file, end - zip64_locator_size) == zip64_locator_signature;
  if (has_locator) {
    const uint64_t zip64_end = load_little_endian<uint64_t>(file, end - zip64_locator_size + 8);
    if (zip64_end != end - zip64_locator_size - zip64_end_size ||
        load_little_endian<uint32_t>(file, zip64_end) != zip64_end_signature ||
        load_little_endian<uint64_t>(file, zip64_end + 4) != zip64_end_size - 12) {
      return malformed("The archive's zip64 end record is not where its locator says.");
    }
    const Directory wide{.offset = load_little_endian<uint64_t>(file, zip64_end + 48),
                         .size = load_little_endian<uint64_t>(file, zip64_end + 40),
                         .entries = load_little_endian<uint64_t>(file, zip64_end + 32)};
    const auto agrees = [](uint64_t narrow, uint64_t mark, uint64_t value) {
      return narrow == mark || narrow == value;
    };
    if (!agrees(directory.offset, in_zip64, wide.offset) || !agrees(directory.size, in_zip64, wide.size) ||
        !agrees(directory.entries, 0xFFFF, wide.entries) ||
        load_little_endian<uint64_t>(file, zip64_end + 24) != wide.entries ||
        load_little_endian<uint64_t>(file, zip64_end + 16) != 0) {
      return malformed("The archive's end record and its zip64 end record disagree.");
    }
    directory = wide;
    directory_end = zip64_end;
  } else if (disks != 0 || disk_entries != directory.entries) {
    return malformed("The archive claims to be split over several disks.");
  }
  if (!fits(directory.offset, directory.size, directory_end) ||
      directory.offset + directory.size != directory_end) {
    return malformed("The archive's central directory does not end where its end record begins.");
  }
  return directory;
}

// The zip64 extra field's numbers, or nothing if the extra fields do not fit their length.
struct Extra {
  Bytes zip64;
  bool has_zip64 = false;
};

std::optional<Extra> read_extra(Bytes extra) {
  Extra out;
  for (uint64_t at = 0; at < extra.size();) {
    if (!fits(at, 4, extra.size())) {
      return std::nullopt;
    }
    const auto id = load_little_endian<uint16_t>(extra, at);
    const uint64_t length = load_little_endian<uint16_t>(extra, at + 2);
    if (!fits(at + 4, length, extra.size()) || (id == zip64_extra && out.has_zip64)) {
      return std::nullopt;
    }
    if (id == zip64_extra) {
      out = {.zip64 = extra.subspan(at + 4, length), .has_zip64 = true};
    }
    at += 4 + length;
  }
  return out;
}

// Replaces each number that stands as 0xFFFFFFFF by the next one of the zip64 extra field.
bool widen(Bytes zip64, std::initializer_list<uint64_t*> numbers) {
  uint64_t at = 0;
  for (uint64_t* number : numbers) {
    if (*number != in_zip64) {
      continue;
    }
    if (!fits(at, 8, zip64.size())) {
      return false;
    }
    *number = load_little_endian<uint64_t>(zip64, at);
    at += 8;
  }
  return true;
}

std::optional<std::string> name_fault(std::string_view name) {
  if (name.empty() || name.size() > 4096) {
    return "has an empty or overlong name";
  }
  if (!is_utf8(name)) {
    return "has a name that is not UTF-8";
  }
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '\\') {
      return "has a backslash or control character in its name";
    }
  }
  for (std::size_t at = 0; at <= name.size();) {
    const std::size_t slash = std::min(name.find('/', at), name.size());
    const std::string_view part = name.substr(at, slash - at);
    if (part.empty() || part == "." || part == "..") {
      return "has a name that is not a plain relative path";
    }
    at = slash + 1;
  }
  return std::nullopt;
}

std::expected<Central, FileError> read_central(Bytes file, uint64_t& at, uint64_t end) {
  if (!fits(at, central_size, end) || load_little_endian<uint32_t>(file, at) != central_signature) {
    return malformed("The archive's central directory is shorter than its end record declares.");
  }
  const uint64_t name_length = load_little_endian<uint16_t>(file, at + 28);
  const uint64_t extra_length = load_little_endian<uint16_t>(file, at + 30);
  const uint64_t comment_length = load_little_endian<uint16_t>(file, at + 32);
  if (!fits(at + central_size, name_length + extra_length + comment_length, end)) {
    return malformed("A header of the archive's central directory reaches past its end.");
  }
  Central central;
  central.entry.name = as_text(file.subspan(at + central_size, name_length));
  if (const auto fault = name_fault(central.entry.name)) {
    return malformed_record(central.entry.name, *fault);
  }
  central.flags = load_little_endian<uint16_t>(file, at + 8);
  central.method = load_little_endian<uint16_t>(file, at + 10);
  central.entry.deflated = central.method == 8;
  central.entry.crc32 = load_little_endian<uint32_t>(file, at + 16);
  central.entry.central_crc_offset = at + 16;
  central.entry.stored_size_bytes = load_little_endian<uint32_t>(file, at + 20);
  central.entry.size_bytes = load_little_endian<uint32_t>(file, at + 24);
  central.local_offset = load_little_endian<uint32_t>(file, at + 42);
  const auto extra = read_extra(file.subspan(at + central_size + name_length, extra_length));
  if (!extra || !widen(extra->zip64, {&central.entry.size_bytes, &central.entry.stored_size_bytes,
                                      &central.local_offset})) {
    return malformed_record(central.entry.name, "has broken extra fields");
  }
  if (load_little_endian<uint16_t>(file, at + 34) != 0) {
    return malformed_record(central.entry.name, "claims to lie on another disk");
  }
  at += central_size + name_length + extra_length + comment_length;
  return central;
}

// Reads the local header, compares it with the directory and finds where the data lie.
std::expected<void, FileError> read_local(Bytes file, Central& central, uint64_t limit) {
  ZipEntry& entry = central.entry;
  const uint64_t at = central.local_offset;
  if (!fits(at, local_size, limit)) {
    return malformed_record(entry.name, "begins outside the file");
  }
  if (load_little_endian<uint32_t>(file, at) != local_signature) {
    return malformed_record(entry.name, "has no local header where the directory says");
  }
  const uint64_t name_length = load_little_endian<uint16_t>(file, at + 26);
  const uint64_t extra_length = load_little_endian<uint16_t>(file, at + 28);
  if (!fits(at + local_size, name_length + extra_length, limit)) {
    return malformed_record(entry.name, "has a local header that reaches past the end of the file");
  }
  entry.data_offset = at + local_size + name_length + extra_length;
  if (!fits(entry.data_offset, entry.stored_size_bytes, limit)) {
    return malformed_record(entry.name, "reaches past the end of the file");
  }
  const auto extra = read_extra(file.subspan(at + local_size + name_length, extra_length));
  uint64_t stored_size = load_little_endian<uint32_t>(file, at + 18);
  uint64_t size = load_little_endian<uint32_t>(file, at + 22);
  if (!extra || !widen(extra->zip64, {&size, &stored_size})) {
    return malformed_record(entry.name, "has broken extra fields in its local header");
  }
  const auto crc = load_little_endian<uint32_t>(file, at + 14);
  const bool descriptor = (central.flags & flag_descriptor) != 0;
  const auto agrees = [&](uint64_t local, uint64_t directory) {
    return local == directory || (descriptor && local == 0);
  };
  if (as_text(file.subspan(at + local_size, name_length)) != entry.name ||
      load_little_endian<uint16_t>(file, at + 6) != central.flags ||
      load_little_endian<uint16_t>(file, at + 8) != central.method || !agrees(size, entry.size_bytes) ||
      !agrees(stored_size, entry.stored_size_bytes)) {
    return malformed_record(entry.name, "has a local header that disagrees with the central directory");
  }
  if (!agrees(crc, entry.crc32)) {
    return file_error(FileErrorCode::checksum, "The record \"" + printable(entry.name) +
                                                   "\" has two different checksums in its headers.");
  }
  if (crc != 0 || !descriptor) {
    entry.local_crc_offset = at + 14;
  }
  return {};
}

std::expected<void, FileError> check_method(const Central& central) {
  const std::string& name = central.entry.name;
  if ((central.flags & (flag_encrypted | flag_strong_encryption | flag_masked_headers)) != 0) {
    return file_error(FileErrorCode::unsupported, "The record \"" + printable(name) + "\" is encrypted.");
  }
  if (central.method != 0 && central.method != 8) {
    return file_error(FileErrorCode::unsupported,
                      "The record \"" + printable(name) + "\" is compressed by method " +
                          std::to_string(central.method) + ", which is neither stored nor deflate.");
  }
  if (central.method == 0 && central.entry.size_bytes != central.entry.stored_size_bytes) {
    return malformed_record(name, "is stored but declares two different sizes");
  }
  return {};
}

// What lies between the data's end and `next` must be the data descriptor and nothing else.
std::expected<void, FileError> read_gap(Bytes file, Central& central, uint64_t next) {
  ZipEntry& entry = central.entry;
  const uint64_t end = entry.data_offset + entry.stored_size_bytes;
  if (end > next) {
    return malformed_record(entry.name, "overlaps another one");
  }
  const uint64_t gap = next - end;
  if (gap == 0 &&
      ((central.flags & flag_descriptor) == 0 || entry.local_crc_offset || entry.size_bytes == 0)) {
    return {};
  }
  if ((central.flags & flag_descriptor) == 0) {
    return malformed_record(entry.name, "is followed by bytes that belong to no record");
  }
  const bool has_signature = gap == 16 || gap == 24;
  const bool wide = gap == 20 || gap == 24;
  if ((!has_signature && !wide && gap != 12) ||
      (has_signature && load_little_endian<uint32_t>(file, end) != descriptor_signature)) {
    return malformed_record(entry.name, "has no data descriptor where its flags announce one");
  }
  const uint64_t at = end + (has_signature ? 4 : 0);
  const uint64_t stored_size =
      wide ? load_little_endian<uint64_t>(file, at + 4) : load_little_endian<uint32_t>(file, at + 4);
  const uint64_t size =
      wide ? load_little_endian<uint64_t>(file, at + 12) : load_little_endian<uint32_t>(file, at + 8);
  if (stored_size != entry.stored_size_bytes || size != entry.size_bytes) {
    return malformed_record(entry.name, "has a data descriptor that disagrees with the central directory");
  }
  if (load_little_endian<uint32_t>(file, at) != entry.crc32) {
    return file_error(FileErrorCode::checksum, "The record \"" + printable(entry.name) +
                                                   "\" has two different checksums in its headers.");
  }
  entry.descriptor_crc_offset = at;
  return {};
}

}  // namespace

std::expected<std::vector<ZipEntry>, FileError> read_zip_directory(Bytes file, const FileLimits& limits) {
  const auto directory = read_end_record(file);
  if (!directory) {
    return std::unexpected(directory.error());
  }
  if (directory->entries > limits.archive_entries) {
    return file_error(FileErrorCode::over_limit,
                      "The archive declares " + std::to_string(directory->entries) + " records; at most " +
                          std::to_string(limits.archive_entries) + " are allowed.");
  }
  if (directory->entries > directory->size / central_size) {
    return malformed("The archive's central directory is shorter than its end record declares.");
  }
  std::vector<Central> centrals;
  centrals.reserve(directory->entries);
  uint64_t at = directory->offset;
  for (uint64_t i = 0; i < directory->entries; ++i) {
    auto central = read_central(file, at, directory->offset + directory->size);
    if (!central) {
      return std::unexpected(central.error());
    }
    if (auto checked = check_method(*central); !checked) {
      return std::unexpected(checked.error());
    }
    if (auto read = read_local(file, *central, directory->offset); !read) {
      return std::unexpected(read.error());
    }
    centrals.push_back(std::move(*central));
  }
  if (at != directory->offset + directory->size) {
    return malformed("The archive's central directory is longer than its end record declares.");
  }
  std::ranges::sort(centrals, {}, &Central::local_offset);
  if ((centrals.empty() ? directory->offset : centrals.front().local_offset) != 0) {
    return malformed("There are bytes before the zip archive's first record; the file must begin with it.");
  }
  std::vector<ZipEntry> entries;
  entries.reserve(centrals.size());
  for (std::size_t i = 0; i < centrals.size(); ++i) {
    const uint64_t next = i + 1 < centrals.size() ? centrals[i + 1].local_offset : directory->offset;
    if (auto gap = read_gap(file, centrals[i], next); !gap) {
      return std::unexpected(gap.error());
    }
    entries.push_back(std::move(centrals[i].entry));
  }
  return entries;
}

}  // namespace fedlog::ml
