#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "http/file_descriptor.h"

namespace fedlog::http {

// The bytes of one client's socket, as they are or through TLS. Nothing here waits. Used by one thread at a
// time.
class Transport {
 public:
  enum class Outcome {
    moved,         // at least one byte, or the handshake is done
    wants_input,   // nothing now; again when the socket is readable
    wants_output,  // nothing now; again when the socket is writable
    closed,        // by the client, or broken
  };
  struct Moved {
    Outcome outcome;
    std::size_t bytes = 0;
  };

  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  [[nodiscard]] virtual int fd() const = 0;
  // "http" or "https"
  [[nodiscard]] virtual std::string_view scheme() const = 0;
  // To be repeated until it is `moved`, before anything else.
  [[nodiscard]] virtual Outcome shake_hands() = 0;
  [[nodiscard]] virtual Moved receive(std::span<char> buffer) = 0;
  // What is not taken at first has to be sent again next, from its first byte.
  [[nodiscard]] virtual Moved send(std::string_view bytes) = 0;
  // Of a file that is at least that long.
  [[nodiscard]] virtual Moved send_file(int file, std::uint64_t offset_bytes, std::size_t size_bytes) = 0;
  // Is there input that no event of the socket will tell of?
  [[nodiscard]] virtual bool has_buffered_input() const = 0;
  // No more output will come; input still may.
  virtual void finish_sending() = 0;
};

[[nodiscard]] std::unique_ptr<Transport> plain_transport(FileDescriptor socket);

}  // namespace fedlog::http
