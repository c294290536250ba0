#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "http/message.h"

namespace fedlog::http {

// Does a request with this Accept-Encoding (RFC 9110, 12.5.3) take gzip, and not rather the bare content?
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding);

// Compresses answers with gzip, and remembers some: who asks again for what has not changed is answered
// without the work. A client on this machine, where bytes cost less than compressing them, is sent what is
// remembered, and what it asks for a second time. Any thread.
class Compression {
 public:
  static constexpr std::size_t bytes_min = 1024;

  // Text and JSON of at least `bytes_min`, if the request allows it and it becomes smaller; whether or not,
  // Vary names Accept-Encoding then. A strong ETag becomes a weak one, since the bytes are others.
  void apply(const Request& request, Response& response);

  // How many answers were compressed, and how many came from memory.
  struct Statistics {
    std::uint64_t compressed = 0;
    std::uint64_t remembered = 0;
  };
  [[nodiscard]] Statistics statistics() const;

 private:
  struct Memory {
    std::string plain;
    std::string compressed;
  };
  // Nothing where compressing it does not pay.
  [[nodiscard]] std::optional<std::string> gzip(const std::string& plain, bool for_this_machine);
  // `mutex_` is held.
  void remember(std::uint64_t key, Memory fresh);

  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<const Memory>> memories_;
  // Keys of texts that this machine asked for, each at its own place; the next one there takes it.
  std::array<std::uint64_t, 1024> asked_{};
  std::size_t remembered_bytes_ = 0;
  Statistics statistics_;
};

}  // namespace fedlog::http
