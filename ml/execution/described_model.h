#pragma once

#include <torch/script.h>

#include <expected>

#include "ml/byte_reader.h"
#include "ml/worker_protocol.h"

// Includes torch: for this folder's sources only.
namespace fedlog::ml {

// The model that `file`, an archive of torch.save, describes, as a TorchScript module: made of nested
// Sequentials (torchvision's Compose is one) and of layers that have a rule (layer_rules.h). The file's
// weights are copied. What cannot be executed is refused by the name of its class. May throw what torch
// throws.
[[nodiscard]] std::expected<torch::jit::Module, ExecutionError> build_described_model(Bytes file);

}  // namespace fedlog::ml
