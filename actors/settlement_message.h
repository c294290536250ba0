#pragma once

#include <functional>

#include "actors/notifier.h"
#include "actors/training_process.h"

namespace fedlog::actors {

// What a training is told of a notification that is settled. `recorded` is called when the outcome is durable
// or its training is gone, and never where the journal refuses to write: then the receiver gets nothing more
// before the next start, which delivers again what was not recorded.
[[nodiscard]] TrainingMessage settlement_message(Notifier::Settlement settlement,
                                                 std::function<void()> recorded);

}  // namespace fedlog::actors
