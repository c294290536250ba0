#pragma once

#include <caf/all.hpp>
#include <memory>

#include "actors/training_process.h"
#include "storage/journal.h"

// What the actors send each other. Payloads are shared and moved out by their one receiver; they never leave
// the process.
namespace fedlog::actors {

struct QueuedCommand;

using wake_atom = caf::atom_constant<caf::atom("wake")>;
using tick_atom = caf::atom_constant<caf::atom("tick")>;
using rest_atom = caf::atom_constant<caf::atom("rest")>;
using alarm_atom = caf::atom_constant<caf::atom("alarm")>;
using stop_atom = caf::atom_constant<caf::atom("stop")>;

using SharedTrainingMessage = std::shared_ptr<TrainingMessage>;
using SharedCommitted = std::shared_ptr<storage::Committed>;
using SharedCommand = std::shared_ptr<QueuedCommand>;

}  // namespace fedlog::actors

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fedlog::actors::SharedTrainingMessage)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fedlog::actors::SharedCommitted)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fedlog::actors::SharedCommand)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(fedlog::domain::TrainingId)
