#pragma once

#include <torch/script.h>

#include <expected>
#include <vector>

#include "ml/model_statistics.h"
#include "ml/worker_protocol.h"

// Includes torch: for this folder's sources only.
namespace fedlog::ml {

// Under this attribute a layer that was built from a description keeps the size of its kernel as it is there.
inline constexpr const char* described_kernel_size = "described_kernel_size";

// Runs the model once on `input` and lists its layers in the order in which they were executed, without depth
// indices, each with the parameters that it has now. The calls between the model's modules are instrumented
// for that, and stay so: give it a model of its own, which was not executed yet. More than
// layer_records_limit executions are an error.
[[nodiscard]] std::expected<std::vector<LayerStatistics>, ExecutionError> watch_layers(
    torch::jit::Module& model, const at::Tensor& input);

}  // namespace fedlog::ml
