#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace fedlog::ml {

enum class FileErrorCode {
  io,              // the file cannot be opened, read or written
  unknown_format,  // not a format of ours: legacy torch.save, plain pickle, text
  malformed,       // the format is right, its structure is not: truncated, contradictory, ambiguous
  checksum,        // a record's CRC does not match its bytes
  forbidden,       // it asks its reader to call something that no weights need
  unsupported,     // legal, but not for us: sparse tensors, complex numbers, unknown versions
  over_limit,      // larger than FileLimits allow
  incompatible,    // a good file that does not fit its base
};

// `message` is a sentence for the one who sent the file: what is wrong, where, and how to mend it. It quotes
// names out of the file only after control characters were removed.
struct FileError {
  FileErrorCode code;
  std::string message;
};

[[nodiscard]] inline std::unexpected<FileError> file_error(FileErrorCode code, std::string message) {
  return std::unexpected(FileError{code, std::move(message)});
}

// `text` cut to a length fit for a message, with control characters, quotes and invalid UTF-8 replaced by
// '?'.
[[nodiscard]] std::string printable(std::string_view text);

// Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF.
[[nodiscard]] bool is_utf8(std::string_view text);

}  // namespace fedlog::ml
