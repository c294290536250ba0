#pragma once

#include <cstdint>
#include <string>

#include "storage/envelope.h"
#include "storage/numbers.h"

namespace fedlog::storage {

// Keys of the tables `log` and `streams`; stored, never change. FORMAT.md, "Tables".
[[nodiscard]] inline std::string log_key(std::uint64_t position) {
  return big_endian(position);
}

[[nodiscard]] inline std::string stream_prefix(const StreamName& stream) {
  return stream + '\0';
}

[[nodiscard]] inline std::string stream_key(const StreamName& stream, std::uint64_t version) {
  return stream_prefix(stream) + big_endian(version);
}

}  // namespace fedlog::storage
