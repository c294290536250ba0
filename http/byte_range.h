#pragma once

#include <cstdint>
#include <string_view>
#include <variant>

namespace fedlog::http {

// `length_bytes` (at least one) from `offset_bytes` on; always inside of the file that it was asked of.
struct ByteRange {
  std::uint64_t offset_bytes = 0;
  std::uint64_t length_bytes = 0;
};
struct WholeFile {};      // no range, or one that we do not serve
struct Unsatisfiable {};  // beyond the file's end: 416

using RangeAnswer = std::variant<WholeFile, ByteRange, Unsatisfiable>;

// What a Range header asks of a file of `size_bytes`. RFC 9110, 14.2: what cannot be read, is of another unit
// than bytes, or has several ranges, is ignored.
[[nodiscard]] RangeAnswer parse_range(std::string_view header, std::uint64_t size_bytes);

}  // namespace fedlog::http
