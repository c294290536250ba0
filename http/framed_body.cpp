#include "http/framed_body.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace fedlog::http {

namespace {

constexpr std::size_t chunk_line_bytes_max = 1024;
constexpr std::size_t trailer_lines_max = 64;
constexpr std::uint64_t drained_bytes_max = 64 * 1024;

BodyError body_error(TransferError error) {
  return error == TransferError::timed_out ? BodyError::timed_out : BodyError::disconnected;
}

}  // namespace

FramedBody::FramedBody(Connection& connection, const BodyFraming& framing, std::uint64_t limit_bytes,
                       Pace pace)
    : connection_(connection),
      framing_(framing),
      limit_bytes_(limit_bytes),
      pace_(pace),
      complete_(!framing.chunked && framing.length_bytes == 0),
      left_bytes_(framing.length_bytes) {}

std::optional<std::uint64_t> FramedBody::declared_size_bytes() const {
  return framing_.chunked ? std::nullopt : std::optional{framing_.length_bytes};
}

void FramedBody::set_limit(std::uint64_t size_bytes) {
  limit_bytes_ = std::min(limit_bytes_, size_bytes);
}

bool FramedBody::is_worth_draining() const {
  const bool waits = framing_.expects_continue && !started_;
  return !complete_ && !failed_ && !framing_.chunked && !waits && left_bytes_ <= drained_bytes_max;
}

bool FramedBody::drain() {
  limit_bytes_ = UINT64_MAX;
  std::array<char, 16 * 1024> buffer;
  while (!complete_) {
    if (!read(buffer)) return false;
  }
  return true;
}

std::expected<std::size_t, BodyError> FramedBody::fail(BodyError error) {
  failed_ = error;
  return std::unexpected{error};
}

std::expected<std::size_t, BodyError> FramedBody::read(std::span<char> buffer) {
  if (failed_) return std::unexpected{*failed_};
  if (complete_ || buffer.empty()) return 0;
  // A body that is declared too large is not even asked for. It is not marked as failed: it may still be
  // drained.
  if (!framing_.chunked && framing_.length_bytes > limit_bytes_) return std::unexpected{BodyError::too_large};
  if (!started_) {
    started_ = true;
    connection_.start_transfer();
    if (framing_.expects_continue) {
      const auto asked = connection_.write("HTTP/1.1 100 Continue\r\n\r\n", pace_);
      if (!asked) return fail(body_error(asked.error()));
    }
  }
  const auto count = read_piece(buffer);
  if (!count) return fail(count.error());
  read_bytes_ += *count;
  if (read_bytes_ > limit_bytes_) return fail(BodyError::too_large);
  return *count;
}

std::expected<std::size_t, BodyError> FramedBody::read_piece(std::span<char> buffer) {
  if (framing_.chunked && left_bytes_ == 0) {
    if (const auto size = read_chunk_size(); !size) return std::unexpected{size.error()};
    if (left_bytes_ == 0) {
      if (const auto trailers = read_trailers(); !trailers) return std::unexpected{trailers.error()};
      complete_ = true;
      return 0;
    }
  }
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left_bytes_));
  const auto count = connection_.read(buffer.first(wanted), pace_);
  if (!count) return std::unexpected{body_error(count.error())};
  left_bytes_ -= *count;
  if (!framing_.chunked) complete_ = left_bytes_ == 0;
  return *count;
}

std::expected<void, BodyError> FramedBody::read_chunk_size() {
  if (in_chunk_) {
    const auto end = read_line();
    if (!end) return std::unexpected{end.error()};
    if (!end->empty()) return std::unexpected{BodyError::malformed};
  }
  const auto line = read_line();
  if (!line) return std::unexpected{line.error()};
  const auto* end = line->data() + line->size();
  const auto size = std::from_chars(line->data(), end, left_bytes_, 16);
  // from_chars takes no sign, prefix or space for an unsigned number; behind it only an extension may stand.
  if (size.ec != std::errc{} || (size.ptr != end && *size.ptr != ';'))
    return std::unexpected{BodyError::malformed};
  in_chunk_ = left_bytes_ > 0;
  return {};
}

std::expected<void, BodyError> FramedBody::read_trailers() {
  for (std::size_t lines = 0; lines <= trailer_lines_max; ++lines) {
    const auto line = read_line();
    if (!line) return std::unexpected{line.error()};
    if (line->empty()) return {};
  }
  return std::unexpected{BodyError::malformed};
}

std::expected<std::string, BodyError> FramedBody::read_line() {
  while (true) {
    const auto input = connection_.input();
    if (const auto end = input.find('\n'); end != std::string_view::npos) {
      if (end == 0 || end > chunk_line_bytes_max || input[end - 1] != '\r') {
        return std::unexpected{BodyError::malformed};
      }
      std::string line{input.substr(0, end - 1)};
      if (line.find('\r') != std::string::npos) return std::unexpected{BodyError::malformed};
      connection_.consume(end + 1);
      return line;
    }
    if (input.size() > chunk_line_bytes_max) return std::unexpected{BodyError::malformed};
    if (const auto received = connection_.receive(pace_); !received) {
      return std::unexpected{body_error(received.error())};
    }
  }
}

}  // namespace fedlog::http
