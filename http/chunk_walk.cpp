#include "http/chunk_walk.h"

#include <charconv>

namespace fedlog::http {

namespace {

constexpr std::size_t line_bytes_max = 1024;
constexpr std::size_t trailer_lines_max = 64;

}  // namespace

ChunkWalk::At ChunkWalk::next(std::string_view& input) {
  while (true) {
    if (place_ == Place::ended) return At::end;
    if (left_bytes_ > 0) return At::data;
    const auto line_end = input.find('\n');
    if (line_end == std::string_view::npos) {
      return input.size() > line_bytes_max ? At::malformed : At::needs_more;
    }
    if (line_end == 0 || line_end > line_bytes_max || input[line_end - 1] != '\r') return At::malformed;
    const auto line = input.substr(0, line_end - 1);
    if (line.contains('\r')) return At::malformed;
    input.remove_prefix(line_end + 1);
    switch (place_) {
      case Place::before_size:
        if (!read_size(line)) return At::malformed;
        place_ = left_bytes_ > 0 ? Place::in_chunk : Place::in_trailers;
        break;
      case Place::in_chunk:
        if (!line.empty()) return At::malformed;
        place_ = Place::before_size;
        break;
      case Place::in_trailers:
        if (line.empty()) {
          place_ = Place::ended;
        } else if (++trailer_lines_ > trailer_lines_max) {
          return At::malformed;
        }
        break;
      case Place::ended:
        break;
    }
  }
}

bool ChunkWalk::read_size(std::string_view line) {
  const auto* end = line.data() + line.size();
  const auto size = std::from_chars(line.data(), end, left_bytes_, 16);
  // from_chars takes no sign, prefix or space for an unsigned number; behind it only an extension may stand.
  return size.ec == std::errc{} && (size.ptr == end || *size.ptr == ';');
}

}  // namespace fedlog::http
