// Whatever a client asks for, what it is given lies inside of the file. The first eight bytes are the file's
// size.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "http/byte_range.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fedlog::http;
  std::uint64_t file_bytes = 0;
  if (size < sizeof file_bytes) return 0;
  std::memcpy(&file_bytes, data, sizeof file_bytes);
  const std::string_view header{reinterpret_cast<const char*>(data) + sizeof file_bytes,
                                size - sizeof file_bytes};
  const auto answer = parse_range(header, file_bytes);
  if (const auto* range = std::get_if<ByteRange>(&answer)) {
    if (range->length_bytes == 0 || range->offset_bytes >= file_bytes ||
        range->length_bytes > file_bytes - range->offset_bytes) {
      std::abort();
    }
  }
  return 0;
}
