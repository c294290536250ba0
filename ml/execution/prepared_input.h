#pragma once

#include <torch/script.h>

#include <optional>
#include <vector>

#include "ml/execution/forward.h"

// Includes torch: for this folder's sources only.
namespace fedlog::ml {

// The task's inputs as its models take them: the first one decoded, preprocessed (by `preprocessing`, when
// the task has one) and of the wanted shape; the others as they are.
[[nodiscard]] Outputs prepare_inputs(const WorkerTask& task, std::vector<at::Tensor> inputs,
                                     torch::jit::Module* preprocessing);

}  // namespace fedlog::ml
