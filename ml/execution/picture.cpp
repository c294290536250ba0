#include "ml/execution/picture.h"

#include "ml/picture_format.h"

namespace fedlog::ml {

std::expected<Picture, std::string> decode_picture(Bytes file) {
  switch (picture_format(file)) {
    case PictureFormat::png:
      return decode_png(file);
    case PictureFormat::jpeg:
      return decode_jpeg(file);
    case PictureFormat::none:
      break;
  }
  return std::unexpected("the file is neither a PNG nor a JPEG picture");
}

std::expected<void, std::string> check_picture_size(std::uint64_t width, std::uint64_t height) {
  const bool sides = width != 0 && height != 0 && width <= picture_side_most && height <= picture_side_most;
  if (sides && width * height <= picture_pixels_most) return {};
  return std::unexpected("the picture has " + std::to_string(width) + " x " + std::to_string(height) +
                         " pixels; there must be 1 to " + std::to_string(picture_pixels_most) + ", at most " +
                         std::to_string(picture_side_most) + " in a row or column");
}

}  // namespace fedlog::ml
