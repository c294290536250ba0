#pragma once

#include "ml/execution/forward.h"
#include "ml/owned_descriptor.h"

// Includes torch: for this folder's sources only.
namespace fedlog::ml {

// Runs the model in `file` once, on random numbers of the task's input shape and the model's own type, and
// tells about its layers: one uint8 tensor, see model_statistics.h.
[[nodiscard]] Outputs model_statistics(const WorkerTask& task, const OwnedDescriptor& file);

}  // namespace fedlog::ml
