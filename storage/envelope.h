#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "domain/identifiers.h"

namespace fedlog::storage {

// "training/<uuid>", "model/<uuid>", "user/<uuid>" or "group/<number>".
using StreamName = std::string;

[[nodiscard]] StreamName stream_of(domain::TrainingId id);
[[nodiscard]] StreamName stream_of(domain::ModelId id);
[[nodiscard]] StreamName stream_of(domain::UserId id);
[[nodiscard]] StreamName stream_of(domain::GroupId id);

using Hash = std::array<std::uint8_t, 32>;

// One stored event with all that is known about it. Written once, never changed. FORMAT.md has its bytes.
struct Envelope {
  std::uint64_t position = 0;  // in the whole log; from 1, gapless
  StreamName stream;
  std::uint64_t version = 0;  // in its stream; from 1, gapless
  domain::EventId id;         // UUIDv7
  std::string type;
  int revision = 1;  // of the type's fields
  domain::Timestamp time;
  std::optional<domain::UserId> acting_user;  // none: the server itself
  domain::Uuid command;                       // the command that all events of one commit come from
  std::string correlation;                    // the request's X-Request-ID, or empty
  std::string payload;                        // deterministic CBOR (RFC 8949, 4.2)
  Hash previous{};  // hash of the envelope before it in the stream; zeros for the first
  Hash hash{};      // SHA-256 of all of the above
};

}  // namespace fedlog::storage
