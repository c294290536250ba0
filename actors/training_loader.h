#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "domain/training.h"
#include "storage/storage.h"

namespace fedlog::actors {

struct LoadedTraining {
  domain::Training training;
  std::uint64_t version = 0;  // 0: there is no such training
};

// Rebuilds a training from its stream: from the newest snapshot that can be trusted and the events after it.
// The error names an event that cannot be read.
[[nodiscard]] std::expected<LoadedTraining, std::string> load_training(storage::Journal& journal,
                                                                       const storage::EventCodec& codec,
                                                                       domain::TrainingId id);

// Keeps the state so that the next load is short. Losing it costs nothing else.
void save_snapshot(storage::Journal& journal, const LoadedTraining& loaded);

}  // namespace fedlog::actors
