#pragma once

#include <functional>

#include "domain/training_commands.h"

namespace fedlog::actors {

// The events of a training that ran from its start to its end, as `decide` gives them: in every round each
// participant sent the model back unchanged, which is then also the mean, and reported an NLLoss and an
// Accuracy. Only that nobody is notified: there is no one behind the participants. The numbers are made up,
// and the same at every call. `facts` has a model with weights, participants, and no special options;
// `new_id` makes the ids of the updates.
[[nodiscard]] domain::TrainingEvents dummy_course(const domain::TrainingCreated& facts,
                                                  const std::function<domain::Uuid()>& new_id);

}  // namespace fedlog::actors
