#pragma once

#include <vector>

#include "ml/execution/forward.h"

// Includes torch: for this folder's sources only.
namespace fedlog::ml {

// Compiles `source` with `parameters` as its weights, and saves it as PyTorch would: trainable, in training
// mode. The output is the archive as one uint8 tensor; the same source and weights give the same bytes. A
// source that contradicts itself or does not compile is a bad request.
[[nodiscard]] Outputs compile_module(const ModuleSource& source, const std::vector<Tensor>& parameters);

}  // namespace fedlog::ml
