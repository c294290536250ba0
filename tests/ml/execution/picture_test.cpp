#include "ml/execution/picture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <cstdio>
// After cstdio, whose FILE it needs.
#include <jpeglib.h>

namespace fedlog::ml {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string big_endian(std::uint32_t number) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text.push_back(static_cast<char>(number >> shift & 0xFF));
  return text;
}

std::string chunk(const std::string& type, const std::string& content) {
  const auto body = type + content;
  const auto crc = ::crc32(0, reinterpret_cast<const Bytef*>(body.data()), static_cast<uInt>(body.size()));
  return big_endian(static_cast<std::uint32_t>(content.size())) + body +
         big_endian(static_cast<std::uint32_t>(crc));
}

enum Color : char { grey = 0, rgb = 2, palette = 3, grey_alpha = 4, rgb_alpha = 6 };

// `rows` as they are after filtering: each begins with its filter's number (0: none).
std::string png(std::uint32_t width, std::uint32_t height, char depth, Color color, const std::string& rows,
                const std::string& more = {}) {
  std::string packed(::compressBound(static_cast<uLong>(rows.size())), '\0');
  uLongf size = packed.size();
  ::compress(reinterpret_cast<Bytef*>(packed.data()), &size, reinterpret_cast<const Bytef*>(rows.data()),
             static_cast<uLong>(rows.size()));
  packed.resize(size);
  return "\x89PNG\r\n\x1a\n" +
         chunk("IHDR", big_endian(width) + big_endian(height) +
                           std::string{depth, static_cast<char>(color), 0, 0, 0}) +
         more + chunk("IDAT", packed) + chunk("IEND", {});
}

std::string jpeg(const std::vector<std::uint8_t>& pixels, JDIMENSION width, JDIMENSION height, int channels,
                 J_COLOR_SPACE space, bool progressive = false) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* out = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &out, &size);
  info.image_width = width;
  info.image_height = height;
  info.input_components = channels;
  info.in_color_space = space;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 100, TRUE);
  if (progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  while (info.next_scanline < height) {
    auto* row = const_cast<std::uint8_t*>(pixels.data() + std::size_t{info.next_scanline} * width *
                                                              static_cast<std::size_t>(channels));
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  std::string file(reinterpret_cast<const char*>(out), size);
  jpeg_destroy_compress(&info);
  std::free(out);
  return file;
}

std::expected<Picture, std::string> decoded(const std::string& file) {
  return decode_picture(std::as_bytes(std::span(file)));
}

std::vector<int> pixels(const std::string& file) {
  const auto picture = decoded(file);
  EXPECT_TRUE(picture) << picture.error();
  if (!picture) return {};
  return {picture->pixels.begin(), picture->pixels.end()};
}

TEST(Picture, HasItsChannelsInterleaved) {
  const auto file = png(2, 1, 8, rgb, std::string("\0\1\2\3\4\5\6", 7));
  const auto picture = decoded(file);
  ASSERT_TRUE(picture) << picture.error();
  EXPECT_EQ(picture->width, 2U);
  EXPECT_EQ(picture->height, 1U);
  EXPECT_EQ(picture->channels, 3U);
  EXPECT_EQ(picture->bytes_per_value, 1U);
  EXPECT_THAT(pixels(file), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(pixels(png(1, 2, 8, grey, std::string("\0\7\0\11", 4))), ElementsAre(7, 9));
  EXPECT_THAT(pixels(png(1, 1, 8, grey_alpha, std::string("\0\7\1", 3))), ElementsAre(7, 1));
  EXPECT_THAT(pixels(png(1, 1, 8, rgb_alpha, std::string("\0\1\2\3\4", 5))), ElementsAre(1, 2, 3, 4));
}

TEST(Picture, StretchesGreyOfFewBits) {
  EXPECT_THAT(pixels(png(4, 1, 1, grey, std::string("\0\xA0", 2))), ElementsAre(255, 0, 255, 0));
  EXPECT_THAT(pixels(png(4, 1, 2, grey, std::string("\0\x1B", 2))), ElementsAre(0, 85, 170, 255));
  EXPECT_THAT(pixels(png(2, 1, 4, grey, std::string("\0\x3F", 2))), ElementsAre(51, 255));
}

TEST(Picture, KeepsSixteenBitsOfGreyAndEightOfColor) {
  const auto deep = decoded(png(1, 1, 16, grey, std::string("\0\x12\x34", 3)));
  ASSERT_TRUE(deep) << deep.error();
  EXPECT_EQ(deep->bytes_per_value, 2U);
  EXPECT_THAT(deep->pixels, ElementsAre(0x34, 0x12));
  EXPECT_THAT(pixels(png(1, 1, 16, rgb, std::string("\0\x12\x34\x56\x78\x9A\xBC", 7))),
              ElementsAre(0x12, 0x56, 0x9A));
}

TEST(Picture, OfAPaletteIsItsIndices) {
  const auto colors = chunk("PLTE", std::string("\x10\x20\x30\x40\x50\x60", 6));
  EXPECT_THAT(pixels(png(3, 1, 8, palette, std::string("\0\1\0\1", 4), colors)), ElementsAre(1, 0, 1));
  EXPECT_THAT(pixels(png(4, 1, 1, palette, std::string("\0\x50", 2), colors)), ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(pixels(png(1, 1, 8, palette, std::string("\0\1", 2), colors + chunk("tRNS", "\x05"))),
              ElementsAre(1))
      << "transparency beside the pixels does not count";
}

TEST(Picture, OfJpegIsNearWhatWasSaved) {
  std::vector<std::uint8_t> values;
  for (int index = 0; index < 16 * 16; ++index) values.push_back(static_cast<std::uint8_t>(index / 2));
  for (const bool progressive : {false, true}) {
    const auto picture = decoded(jpeg(values, 16, 16, 1, JCS_GRAYSCALE, progressive));
    ASSERT_TRUE(picture) << picture.error();
    EXPECT_EQ(picture->channels, 1U);
    for (std::size_t index = 0; index < values.size(); ++index)
      EXPECT_NEAR(picture->pixels[index], values[index], 3) << index;
  }
  const auto color = decoded(jpeg(std::vector<std::uint8_t>(8 * 8 * 3, 100), 8, 8, 3, JCS_RGB));
  ASSERT_TRUE(color) << color.error();
  EXPECT_EQ(color->channels, 3U);
  EXPECT_NEAR(color->pixels[0], 100, 2);
}

TEST(Picture, InPrintersColorsIsRefused) {
  const auto refused = decoded(jpeg(std::vector<std::uint8_t>(8 * 8 * 4, 100), 8, 8, 4, JCS_CMYK));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(), HasSubstr("convert it"));
}

TEST(Picture, CutOffAnywhereIsRefused) {
  std::vector<std::uint8_t> values(24 * 24 * 3);
  for (std::size_t index = 0; index < values.size(); ++index)
    values[index] = static_cast<std::uint8_t>(index * 37);
  std::string rows;
  for (int row = 0; row < 24; ++row)
    rows += '\0' + std::string(reinterpret_cast<const char*>(values.data()) + row * 72, 72);
  for (const auto& whole : {png(24, 24, 8, rgb, rows), jpeg(values, 24, 24, 3, JCS_RGB),
                            jpeg(values, 24, 24, 3, JCS_RGB, true)}) {
    ASSERT_TRUE(decoded(whole));
    for (std::size_t size = 0; size < whole.size(); ++size) {
      ASSERT_FALSE(decoded(whole.substr(0, size))) << size;
    }
  }
}

TEST(Picture, IsNotTakenFromABrokenChecksum) {
  auto file = png(1, 1, 8, grey, std::string("\0\7", 2));
  file[file.size() - 13] ^= 1;  // the last byte before IEND
  const auto refused = decoded(file);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(), HasSubstr("the PNG picture is broken: IDAT: CRC error"));
}

TEST(Picture, OfTooManyPixelsIsRefusedBeforeMemoryIsTaken) {
  for (const auto& [width, height] : std::vector<std::array<std::uint32_t, 2>>{{1U << 13, (1U << 12) + 1},
                                                                               {65'536, 1},
                                                                               {1, 65'536},
                                                                               {1U << 25, 2},
                                                                               {0x7FFFFFFF, 0x7FFFFFFF},
                                                                               {0, 1},
                                                                               {1, 0}}) {
    const auto refused = decoded(png(width, height, 8, rgb, {}));
    EXPECT_FALSE(refused) << width << " x " << height;
  }
  EXPECT_THAT(decoded(png(1U << 13, 1U << 13, 8, grey, {})).error(), HasSubstr("33554432"));
}

TEST(Picture, OfCountlessScansIsRefused) {
  const auto file = jpeg(std::vector<std::uint8_t>(64 * 64, 9), 64, 64, 1, JCS_GRAYSCALE, true);
  // The last scan, which only refines, once more and again.
  const auto last = file.rfind("\xFF\xDA");
  ASSERT_NE(last, std::string::npos);
  const auto scan = file.substr(last, file.size() - 2 - last);
  std::string many = file.substr(0, file.size() - 2);
  for (int count = 0; count < 200; ++count) many += scan;
  const auto refused = decoded(many + "\xFF\xD9");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error(), HasSubstr("too many scans"));
}

TEST(Picture, IsNeitherTextNorNothing) {
  EXPECT_FALSE(decoded(""));
  EXPECT_THAT(decoded("GIF89a").error(), HasSubstr("neither a PNG nor a JPEG"));
}

}  // namespace
}  // namespace fedlog::ml
