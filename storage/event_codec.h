#pragma once

#include <expected>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "domain/group.h"
#include "domain/model.h"
#include "domain/training.h"
#include "domain/user.h"
#include "storage/envelope.h"
#include "storage/journal.h"
#include "storage/key_ring.h"

namespace fedlog::storage {

struct CodecError {
  std::string message;  // names the event, and the field that does not fit
};

// Events to stored bytes and back: deterministic CBOR (RFC 8949, 4.2) maps of field names. Older revisions
// are upcast by pure functions on decoding. Personal fields are encrypted under the key of the user whose
// stream it is.
class EventCodec {
 public:
  explicit EventCodec(const KeyRing& keys) : keys_(&keys) {}

  // `key`: the user's, who may not be in the key ring yet (its registration creates it).
  [[nodiscard]] static NewEvent encode(const domain::UserEvent& event, const UserKey& key);
  [[nodiscard]] static NewEvent encode(const domain::GroupEvent& event);
  [[nodiscard]] static NewEvent encode(const domain::ModelEvent& event);
  [[nodiscard]] static NewEvent encode(const domain::TrainingEvent& event);

  // A personal field whose key is gone decodes to "(erased)".
  [[nodiscard]] std::expected<domain::UserEvent, CodecError> decode_user(const Envelope& envelope) const;
  [[nodiscard]] std::expected<domain::GroupEvent, CodecError> decode_group(const Envelope& envelope) const;
  [[nodiscard]] std::expected<domain::ModelEvent, CodecError> decode_model(const Envelope& envelope) const;
  [[nodiscard]] std::expected<domain::TrainingEvent, CodecError> decode_training(
      const Envelope& envelope) const;

  // The payload for people and tools, personal fields decrypted where `reveal_personal`, else "(personal)".
  [[nodiscard]] std::expected<nlohmann::ordered_json, CodecError> to_json(const Envelope& envelope,
                                                                          bool reveal_personal) const;

  // The blobs that the event refers to.
  [[nodiscard]] std::expected<std::vector<domain::BlobId>, CodecError> blobs_of(
      const Envelope& envelope) const;

  [[nodiscard]] const KeyRing& keys() const { return *keys_; }

 private:
  const KeyRing* keys_;
};

}  // namespace fedlog::storage
