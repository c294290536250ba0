#include <png.h>

#include <bit>
#include <csetjmp>
#include <cstring>

#include "ml/execution/picture.h"

namespace fedlog::ml {
namespace {

// libpng reports errors by jumping back over its frames. What must survive a jump is in here, and no function
// that calls setjmp has objects of its own.
struct PngReader {
  explicit PngReader(Bytes file) : rest(file) {}
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
  PngReader(const PngReader&) = delete;
  PngReader& operator=(const PngReader&) = delete;

  png_structp png = nullptr;
  png_infop info = nullptr;
  Bytes rest;
  char message[128] = {};
  std::vector<png_bytep> rows;
};

[[noreturn]] void fail(png_structp png, png_const_charp message) {
  auto* reader = static_cast<PngReader*>(png_get_error_ptr(png));
  std::strncpy(reader->message, message, sizeof reader->message - 1);
  png_longjmp(png, 1);
}

void ignore_warning(png_structp /*png*/, png_const_charp /*message*/) {}

void read_bytes(png_structp png, png_bytep out, size_t count) {
  auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
  if (count > reader->rest.size()) png_error(png, "it is cut off");
  std::memcpy(out, reader->rest.data(), count);
  reader->rest = reader->rest.subspan(count);
}

bool read_header(PngReader& reader) {
  reader.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, &fail, &ignore_warning);
  if (reader.png == nullptr) return false;
  reader.info = png_create_info_struct(reader.png);
  if (reader.info == nullptr) return false;
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_set_read_fn(reader.png, &reader, &read_bytes);
  png_set_user_limits(reader.png, PNG_UINT_31_MAX, PNG_UINT_31_MAX);  // check_picture_size judges
  png_read_info(reader.png, reader.info);
  return true;
}

// As Pillow: a palette's indices stay indices, transparency beside the pixels is ignored, and of 16 bits the
// upper 8 are taken, except in grey alone.
bool choose_form(PngReader& reader) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  const auto depth = png_get_bit_depth(reader.png, reader.info);
  const auto color = png_get_color_type(reader.png, reader.info);
  if (depth == 16 && color == PNG_COLOR_TYPE_GRAY) {
    png_set_swap(reader.png);
  } else if (depth == 16) {
    png_set_strip_16(reader.png);
  } else if (depth < 8 && color == PNG_COLOR_TYPE_GRAY) {
    png_set_expand_gray_1_2_4_to_8(reader.png);
  } else if (depth < 8) {
    png_set_packing(reader.png);
  }
  png_set_interlace_handling(reader.png);
  png_read_update_info(reader.png, reader.info);
  return true;
}

bool read_rows(PngReader& reader) {
  if (setjmp(png_jmpbuf(reader.png)) != 0) return false;
  png_read_image(reader.png, reader.rows.data());
  png_read_end(reader.png, nullptr);
  return true;
}

std::unexpected<std::string> broken(const PngReader& reader) {
  return std::unexpected("the PNG picture is broken: " + std::string(reader.message));
}

}  // namespace

std::expected<Picture, std::string> decode_png(Bytes file) {
  static_assert(std::endian::native == std::endian::little);
  PngReader reader(file);
  if (!read_header(reader)) return broken(reader);
  const auto width = png_get_image_width(reader.png, reader.info);
  const auto height = png_get_image_height(reader.png, reader.info);
  if (auto checked = check_picture_size(width, height); !checked) return std::unexpected(checked.error());
  if (!choose_form(reader)) return broken(reader);

  Picture picture{.width = width,
                  .height = height,
                  .channels = png_get_channels(reader.png, reader.info),
                  .bytes_per_value = png_get_bit_depth(reader.png, reader.info) == 16 ? 2U : 1U};
  const auto row_bytes = picture.width * picture.channels * picture.bytes_per_value;
  if (row_bytes != png_get_rowbytes(reader.png, reader.info)) {
    return std::unexpected("the PNG picture has a form that is not read");
  }
  picture.pixels.resize(row_bytes * picture.height);
  for (std::size_t row = 0; row < picture.height; ++row) {
    reader.rows.push_back(picture.pixels.data() + row * row_bytes);
  }
  if (!read_rows(reader)) return broken(reader);
  return picture;
}

}  // namespace fedlog::ml
