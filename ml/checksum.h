#pragma once

#include <cstdint>

#include "ml/byte_reader.h"

namespace fedlog::ml {

// CRC-32 of zip (polynomial 0xEDB88320) of `bytes`, continuing from `previous`.
[[nodiscard]] std::uint32_t crc32_of(Bytes bytes, std::uint32_t previous = 0);

// The checksum of two runs of bytes from theirs.
[[nodiscard]] std::uint32_t crc32_of_both(std::uint32_t first, std::uint32_t second,
                                          std::uint64_t second_size_bytes);

}  // namespace fedlog::ml
