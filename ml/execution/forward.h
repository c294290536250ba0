#pragma once

#include <torch/script.h>

#include <expected>
#include <string>
#include <vector>

#include "ml/worker_protocol.h"

// Includes torch: for this folder's sources only.
namespace fedlog::ml {

using Outputs = std::expected<std::vector<at::Tensor>, ExecutionError>;

// Of the model's first floating-point parameter; float32 when it has none.
[[nodiscard]] at::ScalarType floating_type(const torch::jit::Module& model);

// Runs the model once. `name` is what messages call it. Its output may be a tensor, or tuples and lists of
// tensors (flattened, in their order). It works on copies of `inputs`, since some models change what they
// get.
//
// With `take_model_type`, plain numbers (int64 and float32) become the type of the model's first
// floating-point parameter; a model that then asks for whole numbers, as embeddings do, gets them as they
// were.
[[nodiscard]] Outputs forward(torch::jit::Module& model, const std::vector<at::Tensor>& inputs,
                              bool take_model_type, const std::string& name = "the model");

}  // namespace fedlog::ml
