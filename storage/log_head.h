#pragma once

#include <cstdint>
#include <functional>

#include "domain/fields.h"
#include "domain/identifiers.h"
#include "storage/envelope.h"
#include "storage/tables.h"

namespace fedlog::storage {

// The end of the log: what the next envelope has to come after. Zeros where the log is empty.
struct LogHead {
  std::uint64_t position = 0;
  domain::Timestamp time;
  domain::EventId id;
  Hash hash{};
};

[[nodiscard]] LogHead read_log_head(const TableReader& reader);

// The end of one stream.
struct StreamHead {
  std::uint64_t version = 0;
  Hash hash{};

  static constexpr auto fields() {
    return std::tuple{domain::field("version", &StreamHead::version),
                      domain::field("hash", &StreamHead::hash)};
  }
};

[[nodiscard]] StreamHead read_stream_head(const TableReader& reader, const StreamName& stream);

using Clock = std::function<domain::Timestamp()>;

[[nodiscard]] domain::Timestamp system_time();

// A UUIDv7 (RFC 9562) of `time` that is higher than `previous`.
[[nodiscard]] domain::EventId next_event_id(domain::Timestamp time, const domain::EventId& previous);

}  // namespace fedlog::storage
