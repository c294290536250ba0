#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "http/chunk_walk.h"
#include "http/connection.h"
#include "http/message.h"
#include "http/request_head.h"

namespace fedlog::http {

// Reads one request's body off its connection, by Content-Length or chunked. The first read asks a client
// that waits for "100 Continue" to go on.
class FramedBody final : public BodyReader {
 public:
  // The connection must outlive the body.
  FramedBody(Connection& connection, const BodyFraming& framing, std::uint64_t limit_bytes, Pace pace);

  [[nodiscard]] std::expected<std::size_t, BodyError> read(std::span<char> buffer) override;
  [[nodiscard]] std::optional<std::uint64_t> declared_size_bytes() const override;
  void set_limit(std::uint64_t size_bytes) override;

  // The next request would start at the connection's next byte.
  [[nodiscard]] bool is_complete() const { return complete_ && !failed_; }
  // Would it cost less to read the rest, on a connection in good order, than to open a new one?
  [[nodiscard]] bool is_worth_draining() const;
  // Reads the rest and throws it away. False: it did not come, or is much after all.
  [[nodiscard]] bool drain();

 private:
  [[nodiscard]] std::expected<std::size_t, BodyError> fail(BodyError error);
  [[nodiscard]] std::expected<std::size_t, BodyError> read_piece(std::span<char> buffer);
  // Goes to the data of the next chunk, or to the end.
  [[nodiscard]] std::expected<void, BodyError> enter_chunk();

  Connection& connection_;
  BodyFraming framing_;
  std::uint64_t limit_bytes_;
  Pace pace_;
  bool started_ = false;
  bool complete_;
  // Of a body with a length.
  std::uint64_t left_bytes_;
  // Of one that is chunked.
  ChunkWalk chunks_;
  std::uint64_t read_bytes_ = 0;
  std::optional<BodyError> failed_;
};

}  // namespace fedlog::http
