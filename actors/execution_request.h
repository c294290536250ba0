#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "ml/tensor.h"
#include "ml/worker_protocol.h"

namespace fedlog::actors {

using ml::ExecutionError;
using ml::ExecutionErrorCode;

// A model file and the name that a worker keeps it by: equal ids mean equal bytes (a blob's SHA-256).
struct ModelReference {
  std::string id;
  std::filesystem::path path;
};

// What a model worker shall compute. See ml::WorkerTask for what the fields do.
struct ExecutionRequest {
  ml::WorkerOperation operation = ml::WorkerOperation::run;
  ml::SamplingMethod method = ml::SamplingMethod::none;
  std::vector<ModelReference> models;  // one; an ensemble has more, compile has none
  // TorchScript, or a torchvision pipeline; runs over the first input before the models do.
  std::optional<ModelReference> preprocessing = {};
  std::vector<ml::Tensor> inputs;
  ml::InputKind input_kind = ml::InputKind::tensors;
  std::optional<std::vector<std::int64_t>> input_shape = {};  // -1: any size
  bool inputs_take_model_type = false;
  bool softmax = false;
  std::uint32_t samples = 1;
  std::uint64_t seed = 0;
  ml::ModuleSource source;  // of compile
  // Whose models these are. A worker only ever sees one owner's models and inputs, so that a model which
  // takes its worker over learns and falsifies nothing of others. Empty is a group like any other.
  std::string isolation_group;
  // Who asks, and for which model: so that neither one caller nor one model takes all places in the queue.
  // Empty is never counted.
  std::string caller;
  std::string model;
};

}  // namespace fedlog::actors
