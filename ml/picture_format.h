#pragma once

#include "ml/byte_reader.h"

namespace fedlog::ml {

enum class PictureFormat { none, png, jpeg };

// Judged by the first bytes alone: a file that starts right can still be broken.
[[nodiscard]] PictureFormat picture_format(Bytes file);

}  // namespace fedlog::ml
