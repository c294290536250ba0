#pragma once

#include <cstdint>

#include "ml/byte_reader.h"

namespace fedlog::ml {

// CRC-32 of zip (polynomial 0xEDB88320) of `bytes`, continuing from `previous`.
[[nodiscard]] std::uint32_t crc32_of(Bytes bytes, std::uint32_t previous = 0);

}  // namespace fedlog::ml
