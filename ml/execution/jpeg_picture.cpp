#include <csetjmp>
#include <cstdio>
// After cstdio, whose FILE it needs.
#include <jpeglib.h>

#include "ml/execution/picture.h"

namespace fedlog::ml {
namespace {

// Each scan of a progressive file costs a pass over the whole picture, and takes a few bytes.
constexpr int scans_most = 100;
constexpr long memory_most_bytes = 512L * 1024 * 1024;

// libjpeg reports errors by a function that must not return: it jumps back over libjpeg's frames. What must
// survive a jump is in here, and no function that calls setjmp has objects of its own.
struct JpegReader {
  JpegReader() = default;
  ~JpegReader() { jpeg_destroy_decompress(&info); }
  JpegReader(const JpegReader&) = delete;
  JpegReader& operator=(const JpegReader&) = delete;

  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  jpeg_progress_mgr progress{};
  std::jmp_buf jump{};
  char message[JMSG_LENGTH_MAX] = {};
  const char* reason = nullptr;  // instead of libjpeg's message
};

[[noreturn]] void give_up(j_common_ptr info) {
  auto* reader = static_cast<JpegReader*>(info->client_data);
  if (reader->reason == nullptr) info->err->format_message(info, reader->message);
  std::longjmp(reader->jump, 1);
}

[[noreturn]] void give_up(j_common_ptr info, const char* reason) {
  static_cast<JpegReader*>(info->client_data)->reason = reason;
  give_up(info);
}

void ignore_warning(j_common_ptr /*info*/, int /*level*/) {}

boolean refuse_end(j_decompress_ptr info) {
  give_up(reinterpret_cast<j_common_ptr>(info), "it is cut off");
}

void count_scans(j_common_ptr info) {
  if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > scans_most) {
    give_up(info, "it has too many scans");
  }
}

bool read_header(JpegReader& reader, Bytes file) {
  auto& info = reader.info;
  info.err = jpeg_std_error(&reader.errors);
  reader.errors.error_exit = &give_up;
  reader.errors.emit_message = &ignore_warning;
  info.client_data = &reader;
  if (setjmp(reader.jump) != 0) return false;
  jpeg_create_decompress(&info);
  info.mem->max_memory_to_use = memory_most_bytes;
  reader.progress.progress_monitor = &count_scans;
  info.progress = &reader.progress;
  jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(file.data()), file.size());
  info.src->fill_input_buffer = &refuse_end;
  jpeg_read_header(&info, TRUE);
  return true;
}

bool read_pixels(JpegReader& reader, Picture& picture) {
  auto& info = reader.info;
  if (setjmp(reader.jump) != 0) return false;
  jpeg_start_decompress(&info);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = picture.pixels.data() + info.output_scanline * picture.width * picture.channels;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  return true;
}

std::unexpected<std::string> broken(const JpegReader& reader) {
  return std::unexpected("the JPEG picture is broken: " +
                         std::string(reader.reason != nullptr ? reader.reason : reader.message));
}

}  // namespace

std::expected<Picture, std::string> decode_jpeg(Bytes file) {
  JpegReader reader;
  if (!read_header(reader, file)) return broken(reader);
  auto& info = reader.info;
  if (auto checked = check_picture_size(info.image_width, info.image_height); !checked) {
    return std::unexpected(checked.error());
  }
  if (info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK ||
      (info.num_components != 1 && info.num_components != 3)) {
    return std::unexpected("the JPEG picture is neither grey nor in color (RGB): convert it");
  }
  info.out_color_space = info.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  Picture picture{.width = info.image_width,
                  .height = info.image_height,
                  .channels = static_cast<std::size_t>(info.num_components)};
  picture.pixels.resize(picture.width * picture.height * picture.channels);
  if (!read_pixels(reader, picture)) return broken(reader);
  return picture;
}

}  // namespace fedlog::ml
