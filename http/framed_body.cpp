#include "http/framed_body.h"

#include <algorithm>
#include <array>

namespace fedlog::http {

namespace {

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
  if (complete_ || failed_ || (framing_.expects_continue && !started_)) return false;
  // Whoever read chunks and stopped at what the content itself marks as its end has left little.
  return framing_.chunked ? started_ : left_bytes_ <= drained_bytes_max;
}

bool FramedBody::drain() {
  limit_bytes_ = UINT64_MAX;
  const auto read_before = read_bytes_;
  std::array<char, 16 * 1024> buffer;
  while (!complete_) {
    if (!read(buffer) || read_bytes_ - read_before > drained_bytes_max) return false;
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
  if (framing_.chunked) {
    if (const auto entered = enter_chunk(); !entered) return std::unexpected{entered.error()};
    if (complete_) return 0;
  }
  const auto left = framing_.chunked ? chunks_.left_bytes() : left_bytes_;
  const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), left));
  const auto count = connection_.read(buffer.first(wanted), pace_);
  if (!count) return std::unexpected{body_error(count.error())};
  if (framing_.chunked) {
    chunks_.take(*count);
  } else {
    left_bytes_ -= *count;
    complete_ = left_bytes_ == 0;
  }
  return *count;
}

std::expected<void, BodyError> FramedBody::enter_chunk() {
  while (true) {
    auto input = connection_.input();
    const auto size = input.size();
    const auto at = chunks_.next(input);
    connection_.consume(size - input.size());
    switch (at) {
      case ChunkWalk::At::end:
        complete_ = true;
        return {};
      case ChunkWalk::At::data:
        return {};
      case ChunkWalk::At::malformed:
        return std::unexpected{BodyError::malformed};
      case ChunkWalk::At::needs_more:
        if (const auto received = connection_.receive(pace_); !received) {
          return std::unexpected{body_error(received.error())};
        }
    }
  }
}

}  // namespace fedlog::http
