#include "ml/checksum.h"

#include <zlib.h>

namespace fedlog::ml {

std::uint32_t crc32_of(Bytes bytes, std::uint32_t previous) {
  return static_cast<std::uint32_t>(
      crc32_z(previous, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
}

}  // namespace fedlog::ml
