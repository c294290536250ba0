#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <vector>

#include "ml/byte_reader.h"

// PNG and JPEG files of strangers: for the sandbox only. Free of torch.
namespace fedlog::ml {

// A decoded picture as Pillow and NumPy have it: rows from the top, channels interleaved. One channel is grey
// (or the indices of a palette), two are grey and alpha, three RGB, four RGB and alpha.
struct Picture {
  std::size_t width = 0;
  std::size_t height = 0;
  std::size_t channels = 0;
  std::size_t bytes_per_value = 1;  // 2 for 16-bit grey, in this machine's byte order
  std::vector<std::uint8_t> pixels = {};
};

inline constexpr std::uint64_t picture_pixels_most = std::uint64_t{1} << 25;
inline constexpr std::uint64_t picture_side_most = 65'535;

// Of either format. The error says what is wrong with the file.
[[nodiscard]] std::expected<Picture, std::string> decode_picture(Bytes file);

[[nodiscard]] std::expected<Picture, std::string> decode_png(Bytes file);
[[nodiscard]] std::expected<Picture, std::string> decode_jpeg(Bytes file);

// The sizes that a file's header claims, checked before anything is allocated for them.
[[nodiscard]] std::expected<void, std::string> check_picture_size(std::uint64_t width, std::uint64_t height);

}  // namespace fedlog::ml
