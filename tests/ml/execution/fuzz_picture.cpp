// Decoding never crashes, hangs or takes much memory, whatever the bytes are.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "ml/execution/picture.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto picture = fedlog::ml::decode_picture(std::as_bytes(std::span(data, size)));
  if (picture && picture->pixels.size() !=
                     picture->width * picture->height * picture->channels * picture->bytes_per_value) {
    std::abort();
  }
  return 0;
}
