#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace fedlog::http {

// Finds the way through a chunked body, strictly: what another reader could delimit differently is malformed.
class ChunkWalk {
 public:
  enum class At {
    data,        // left_bytes() of data come next
    end,         // the body is over; what follows is the next request's
    needs_more,  // as much of a line as has come
    malformed,
  };
  // Goes on at the front of `input` and cuts off the framing that it walks over.
  [[nodiscard]] At next(std::string_view& input);

  // Of the chunk's data.
  [[nodiscard]] std::uint64_t left_bytes() const { return left_bytes_; }
  // So much of it was taken, in front of the next input.
  void take(std::uint64_t count) { left_bytes_ -= count; }

 private:
  enum class Place { before_size, in_chunk, in_trailers, ended };
  [[nodiscard]] bool read_size(std::string_view line);

  Place place_ = Place::before_size;
  std::uint64_t left_bytes_ = 0;
  std::size_t trailer_lines_ = 0;
};

}  // namespace fedlog::http
