#include "storage/log_head.h"

#include <chrono>
#include <stdexcept>

#include "storage/described.h"
#include "storage/envelope_codec.h"
#include "storage/vault.h"

namespace fedlog::storage {
namespace {

constexpr std::size_t time_bytes = 6;    // UUIDv7: 48 bits of milliseconds,
constexpr std::size_t version_byte = 6;  // the version in the high half of this,
constexpr std::size_t variant_byte = 8;  // and the variant in the two highest bits of this
constexpr std::uint8_t version_bits = 0x70;
constexpr std::uint8_t variant_bits = 0x80;

// One more, counted in the bits that are not version or variant.
domain::EventId successor(domain::EventId id) {
  auto& bytes = id.uuid.bytes;
  for (std::size_t index = bytes.size(); index-- > 0;) {
    const std::uint8_t fixed = index == version_byte ? 0xf0 : index == variant_byte ? 0xc0 : 0;
    const auto counted = static_cast<std::uint8_t>(~fixed);
    const auto next = static_cast<std::uint8_t>((bytes[index] + 1) & counted);
    bytes[index] = static_cast<std::uint8_t>((bytes[index] & fixed) | next);
    if (next != 0) break;
  }
  return id;
}

}  // namespace

LogHead read_log_head(const TableReader& reader) {
  const auto last = reader.last(Table::log);
  if (!last) return {};
  const auto envelope = decode_envelope(last->second);
  if (!envelope) throw std::runtime_error("the log's last envelope is damaged: " + envelope.error());
  return {.position = envelope->position, .time = envelope->time, .id = envelope->id, .hash = envelope->hash};
}

StreamHead read_stream_head(const TableReader& reader, const StreamName& stream) {
  const auto bytes = reader.get(Table::heads, stream);
  if (!bytes) return {};
  const auto head = decode<StreamHead>(*bytes);
  if (!head) throw std::runtime_error("the head of stream " + stream + " is damaged: " + head.error());
  return *head;
}

domain::Timestamp system_time() {
  using namespace std::chrono;
  return {duration_cast<microseconds>(system_clock::now().time_since_epoch()).count()};
}

domain::EventId next_event_id(domain::Timestamp time, const domain::EventId& previous) {
  domain::EventId id;
  auto& bytes = id.uuid.bytes;
  fill_random(bytes);
  auto milliseconds = static_cast<std::uint64_t>(time.microseconds / 1000);
  for (std::size_t index = time_bytes; index-- > 0; milliseconds >>= 8) {
    bytes[index] = static_cast<std::uint8_t>(milliseconds & 0xff);
  }
  bytes[version_byte] = static_cast<std::uint8_t>(version_bits | (bytes[version_byte] & 0x0f));
  bytes[variant_byte] = static_cast<std::uint8_t>(variant_bits | (bytes[variant_byte] & 0x3f));
  return id > previous ? id : successor(previous);
}

}  // namespace fedlog::storage
