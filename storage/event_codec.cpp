#include "storage/event_codec.h"

#include <nlohmann/json.hpp>
#include <type_traits>
#include <utility>
#include <variant>

#include "storage/blobs_in.h"
#include "storage/described.h"
#include "storage/described_json.h"
#include "storage/earlier_events.h"
#include "storage/personal_cipher.h"

namespace fedlog::storage {
namespace {

constexpr std::string_view user_prefix = "user/";
constexpr std::string_view group_prefix = "group/";
constexpr std::string_view model_prefix = "model/";
constexpr std::string_view training_prefix = "training/";

// Where a personal field stands; what was encrypted for one place cannot be moved to another.
std::string place_of(std::string_view stream, std::string_view type, std::string_view field) {
  std::string place(stream);
  place += '\0';
  place += type;
  place += '\0';
  place += field;
  return place;
}

template <class Event>
NewEvent encode_any(const Event& event, const SealPersonal& seal = {}) {
  return std::visit(
      [&]<class Fact>(const Fact& fact) {
        return NewEvent{
            .type = std::string(Fact::type), .revision = Fact::revision, .payload = encode(fact, seal)};
      },
      event);
}

CodecError error_at(const Envelope& envelope, const std::string& what) {
  return {"event " + envelope.type + " at position " + std::to_string(envelope.position) + " (version " +
          std::to_string(envelope.version) + " of " + envelope.stream + "): " + what};
}

template <class Fact>
std::expected<Fact, std::string> decode_fact(const Envelope& envelope, const OpenPersonal& open) {
  if constexpr (HasEarlier<Fact>) {
    if (envelope.revision == Earlier<Fact>::revision) {
      const auto form = decode<typename Earlier<Fact>::Form>(envelope.payload, open);
      if (!form) return std::unexpected(form.error());
      return Earlier<Fact>::today(*form);
    }
  }
  if (envelope.revision != Fact::revision) {
    return std::unexpected("revision " + std::to_string(envelope.revision) +
                           " is not known to this version of fedlog");
  }
  return decode<Fact>(envelope.payload, open);
}

template <class Event, std::size_t index = 0>
std::expected<Event, CodecError> decode_any(const Envelope& envelope, const OpenPersonal& open = {}) {
  if constexpr (index == std::variant_size_v<Event>) {
    return std::unexpected(error_at(envelope, "its type is not known to this version of fedlog"));
  } else {
    using Fact = std::variant_alternative_t<index, Event>;
    if (envelope.type != Fact::type) return decode_any<Event, index + 1>(envelope, open);
    auto fact = decode_fact<Fact>(envelope, open);
    if (!fact) return std::unexpected(error_at(envelope, fact.error()));
    return Event{std::move(*fact)};
  }
}

OpenPersonal opener(const Envelope& envelope, const KeyRing& keys) {
  std::optional<UserKey> key;
  if (envelope.stream.starts_with(user_prefix)) {
    const auto user = domain::UserId::parse(std::string_view(envelope.stream).substr(user_prefix.size()));
    if (user) key = keys.key_of(*user);
  }
  return [&envelope, key](std::string_view field,
                          std::string_view sealed) -> std::expected<std::string, std::string> {
    if (!key) return "(erased)";
    auto text = open_personal(*key, place_of(envelope.stream, envelope.type, field), sealed);
    if (!text) return std::unexpected("it cannot be decrypted: damaged, or moved from another place");
    return std::move(*text);
  };
}

OpenPersonal hider() {
  return [](std::string_view, std::string_view) -> std::expected<std::string, std::string> {
    return "(personal)";
  };
}

// Decodes the event, of whichever family the stream is, and gives it to `visit`.
template <class Result, class Visit>
std::expected<Result, CodecError> with_event(const Envelope& envelope, const OpenPersonal& open,
                                             const Visit& visit) {
  const auto decoded = [&]<class Event>(std::type_identity<Event>) -> std::expected<Result, CodecError> {
    const auto event = decode_any<Event>(envelope, open);
    if (!event) return std::unexpected(event.error());
    return std::visit(visit, *event);
  };
  const std::string_view stream = envelope.stream;
  if (stream.starts_with(user_prefix)) return decoded(std::type_identity<domain::UserEvent>{});
  if (stream.starts_with(group_prefix)) return decoded(std::type_identity<domain::GroupEvent>{});
  if (stream.starts_with(model_prefix)) return decoded(std::type_identity<domain::ModelEvent>{});
  if (stream.starts_with(training_prefix)) return decoded(std::type_identity<domain::TrainingEvent>{});
  return std::unexpected(error_at(envelope, "its stream is of no known kind"));
}

}  // namespace

NewEvent EventCodec::encode(const domain::UserEvent& event, const UserKey& key) {
  const auto place = std::visit(
      [](const auto& fact) { return std::pair{stream_of(fact.user), std::string_view(fact.type)}; }, event);
  return encode_any(event, [&](std::string_view field, std::string_view text) {
    return seal_personal(key, place_of(place.first, place.second, field), text);
  });
}

NewEvent EventCodec::encode(const domain::GroupEvent& event) {
  return encode_any(event);
}
NewEvent EventCodec::encode(const domain::ModelEvent& event) {
  return encode_any(event);
}
NewEvent EventCodec::encode(const domain::TrainingEvent& event) {
  return encode_any(event);
}

std::expected<domain::UserEvent, CodecError> EventCodec::decode_user(const Envelope& envelope) const {
  return decode_any<domain::UserEvent>(envelope, opener(envelope, *keys_));
}

std::expected<domain::GroupEvent, CodecError> EventCodec::decode_group(const Envelope& envelope) const {
  return decode_any<domain::GroupEvent>(envelope);
}

std::expected<domain::ModelEvent, CodecError> EventCodec::decode_model(const Envelope& envelope) const {
  return decode_any<domain::ModelEvent>(envelope);
}

std::expected<domain::TrainingEvent, CodecError> EventCodec::decode_training(const Envelope& envelope) const {
  return decode_any<domain::TrainingEvent>(envelope);
}

std::expected<nlohmann::ordered_json, CodecError> EventCodec::to_json(const Envelope& envelope,
                                                                      bool reveal_personal) const {
  const auto open = reveal_personal ? opener(envelope, *keys_) : hider();
  return with_event<nlohmann::ordered_json>(envelope, open, [](const auto& fact) { return json_of(fact); });
}

std::expected<std::vector<domain::BlobId>, CodecError> EventCodec::blobs_of(const Envelope& envelope) const {
  return with_event<std::vector<domain::BlobId>>(envelope, hider(),
                                                 [](const auto& fact) { return blobs_in(fact); });
}

}  // namespace fedlog::storage
