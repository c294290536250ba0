#pragma once

#include <expected>
#include <vector>

#include "ml/byte_reader.h"
#include "ml/file_error.h"
#include "ml/file_limits.h"
#include "ml/zip_archive.h"

namespace fedlog::ml {

// The archive's records in the order of the file, their headers checked against each other and against the
// file's bounds. CRCs and contents are not looked at.
[[nodiscard]] std::expected<std::vector<ZipEntry>, FileError> read_zip_directory(Bytes file,
                                                                                 const FileLimits& limits);

}  // namespace fedlog::ml
