#include "storage/envelope_codec.h"

#include <utility>

#include "storage/described.h"
#include "storage/sha256.h"

namespace fedlog::storage {
namespace {

using domain::field;

// The stored names of an envelope's fields; never rename.
struct Hashed {
  static constexpr auto fields = std::tuple{field("position", &Envelope::position),
                                            field("stream", &Envelope::stream),
                                            field("version", &Envelope::version),
                                            field("id", &Envelope::id),
                                            field("type", &Envelope::type),
                                            field("revision", &Envelope::revision),
                                            field("time", &Envelope::time),
                                            field("acting_user", &Envelope::acting_user),
                                            field("command", &Envelope::command),
                                            field("correlation", &Envelope::correlation),
                                            BytesField<Envelope>{"payload", &Envelope::payload},
                                            field("previous", &Envelope::previous)};
};

struct Whole {
  static constexpr auto fields = std::tuple_cat(Hashed::fields, std::tuple{field("hash", &Envelope::hash)});
};

}  // namespace

std::string encode_envelope(const Envelope& envelope) {
  return encode<Envelope, Whole>(envelope);
}

std::expected<Envelope, std::string> decode_envelope(std::string_view bytes) {
  return decode<Envelope, Whole>(bytes);
}

Hash hash_of(const Envelope& envelope) {
  return sha256(encode<Envelope, Hashed>(envelope));
}

}  // namespace fedlog::storage
