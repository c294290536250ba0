// Feeds a chunked body in two pieces and whole: both must give the same data and end at the same byte, and
// neither may hang.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "http/chunk_walk.h"

namespace {

using fedlog::http::ChunkWalk;

struct Walked {
  std::string data;
  ChunkWalk::At at = ChunkWalk::At::needs_more;
  // Of the input, what the body took.
  std::size_t size_bytes = 0;
};

void walk(ChunkWalk& chunks, Walked& walked, std::string_view input) {
  while (true) {
    const auto before = input.size();
    walked.at = chunks.next(input);
    walked.size_bytes += before - input.size();
    if (walked.at != ChunkWalk::At::data || input.empty()) return;
    const auto count = std::min<std::uint64_t>(input.size(), chunks.left_bytes());
    walked.data += input.substr(0, count);
    walked.size_bytes += count;
    chunks.take(count);
    input.remove_prefix(count);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input{reinterpret_cast<const char*>(data), size};
  ChunkWalk one;
  Walked whole;
  walk(one, whole, input);
  if (whole.data.size() > size || whole.size_bytes > size) std::abort();

  ChunkWalk other;
  Walked pieces;
  walk(other, pieces, input.substr(0, size / 2));
  // What is left of the first piece is looked at again, with what follows.
  if (pieces.at == ChunkWalk::At::needs_more || pieces.at == ChunkWalk::At::data) {
    walk(other, pieces, input.substr(pieces.size_bytes));
  }
  if (pieces.at != whole.at || pieces.data != whole.data || pieces.size_bytes != whole.size_bytes) {
    std::abort();
  }
  return 0;
}
