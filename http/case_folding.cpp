#include "http/case_folding.h"

#include <cstdint>

namespace fedlog::http {

namespace {

// Letters of two bytes in UTF-8 whose small form lies at a fixed distance.
struct Capitals {
  std::uint32_t first;
  std::uint32_t last;
  std::uint32_t distance;
};
constexpr Capitals capitals[] = {
    {0xc0, 0xd6, 32},   {0xd8, 0xde, 32},    // Latin-1, around the multiplication sign
    {0x391, 0x3a1, 32}, {0x3a3, 0x3ab, 32},  // Greek
    {0x400, 0x40f, 80}, {0x410, 0x42f, 32},  // Cyrillic
};

std::uint32_t small(std::uint32_t letter) {
  for (const auto& range : capitals) {
    if (letter >= range.first && letter <= range.last) return letter + range.distance;
  }
  return letter;
}

}  // namespace

std::string case_folded(std::string_view text) {
  std::string folded;
  folded.reserve(text.size());
  for (std::size_t index = 0; index < text.size(); ++index) {
    const auto byte = static_cast<unsigned char>(text[index]);
    if (byte >= 'A' && byte <= 'Z') {
      folded += static_cast<char>(byte + 32);
    } else if (byte >= 0xc3 && byte <= 0xd0 && index + 1 < text.size()) {
      const auto second = static_cast<unsigned char>(text[++index]);
      const auto letter = small(static_cast<std::uint32_t>(byte & 0x1f) << 6 | (second & 0x3fU));
      folded += static_cast<char>(0xc0 | letter >> 6);
      folded += static_cast<char>(0x80 | (letter & 0x3f));
    } else {
      folded += text[index];
    }
  }
  return folded;
}

}  // namespace fedlog::http
