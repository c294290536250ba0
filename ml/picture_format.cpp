#include "ml/picture_format.h"

#include <string_view>

namespace fedlog::ml {

PictureFormat picture_format(Bytes file) {
  using namespace std::string_view_literals;
  const auto text = as_text(file);
  if (text.starts_with("\x89PNG\r\n\x1a\n"sv)) return PictureFormat::png;
  if (text.starts_with("\xff\xd8\xff"sv)) return PictureFormat::jpeg;
  return PictureFormat::none;
}

}  // namespace fedlog::ml
