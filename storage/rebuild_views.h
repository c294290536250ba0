#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "storage/event_codec.h"
#include "storage/tables.h"

namespace fedlog::storage {

// Counted up with every change of the views' keys, rows or projection: views of another revision are rebuilt
// when the journal is opened. Stored; never use a number again.
inline constexpr std::uint64_t views_revision = 6;

// Whether the views were written by this revision, and not in the middle of a rebuild.
[[nodiscard]] bool views_are_current(const TableReader& reader);

// Folds the whole log into empty views, some thousand events a write. Interrupted, it starts again at the
// next opening. The error is a write's; throws std::runtime_error on an event that does not fit.
[[nodiscard]] std::expected<void, WriteFailure> rebuild_views(Tables& tables, const EventCodec& codec);

// The first difference between the views and what the log adds up to, in memory; none where there is none.
// Throws std::runtime_error on an event that does not fit.
[[nodiscard]] std::optional<std::string> compare_views_with_log(const TableReader& reader,
                                                                const EventCodec& codec);

}  // namespace fedlog::storage
