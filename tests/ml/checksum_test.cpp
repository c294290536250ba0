#include "ml/checksum.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <random>
#include <vector>

namespace fedlog::ml {
namespace {

TEST(Checksum, IsZlibsForEveryLengthAndAlignment) {
  std::mt19937 random(7);
  std::vector<std::byte> bytes(5000);
  for (std::byte& byte : bytes) {
    byte = static_cast<std::byte>(random());
  }
  for (std::size_t length = 0; length < 4000; length += 1 + length / 40) {
    for (const std::size_t start : {0, 1, 7, 16}) {
      const Bytes part = Bytes(bytes).subspan(start, length);
      const std::uint32_t previous = random();
      EXPECT_EQ(crc32_of(part, previous),
                crc32(previous, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(length)))
          << start << " " << length;
    }
  }
}

TEST(Checksum, IsTheSameInOnePieceAsInTwo) {
  const std::vector<std::byte> bytes(3000, std::byte{'a'});
  const Bytes all(bytes);
  EXPECT_EQ(crc32_of(all), crc32_of(all.subspan(1234), crc32_of(all.first(1234))));
}

}  // namespace
}  // namespace fedlog::ml
