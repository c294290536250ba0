#pragma once

#include "storage/envelope.h"
#include "storage/event_codec.h"
#include "storage/key_value.h"

namespace fedlog::storage {

// Folds one envelope into the views. The only writer of what Views reads; a rebuild is the same call over the
// whole log. Throws std::runtime_error on an envelope that cannot be decoded: such a log must not be served.
void project(const Envelope& envelope, const EventCodec& codec, KeyValueWriter& views);

}  // namespace fedlog::storage
